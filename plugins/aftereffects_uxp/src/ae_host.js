// What a panel does in After Effects, in ECMAScript 3: run by ExtendScript for CEP, and in place for UXP.
//
// env is that of applyRoto, and has besides: fileOf(source), the path of a footage item's file or "". All numbers of
// outlines are plate pixels, y down; frames count from the layer's start as 0. Throws Errors with one sentence.
function rotoHost(env, what, args) {
    function refuse(sentence) {
        throw new Error(sentence);
    }

    function comp() {
        var project = env.app.project;
        var item = project ? project.activeItem : null;
        if (!item || !env.isComp(item)) {
            refuse("Open the composition that shows the plate, and select the plate's layer.");
        }
        return item;
    }

    function plateLayer(here) {
        var selected = here.selectedLayers;
        if (selected.length !== 1) {
            refuse(selected.length ? "Several layers are selected: select the plate's layer alone." :
                "Select the layer of the plate first.");
        }
        if (!selected[0].source || !selected[0].property("ADBE Mask Parade")) {
            refuse("The layer '" + selected[0].name + "' does not show a plate: select a layer of footage.");
        }
        return selected[0];
    }

    function findLayer(here, name) {
        var k;
        for (k = 1; k <= here.numLayers; k += 1) {
            if (here.layer(k).name === name && here.layer(k).property("ADBE Mask Parade")) {
                return here.layer(k);
            }
        }
        return null;
    }

    function parades(here) {
        var found = [], k;
        for (k = 1; k <= here.numLayers; k += 1) {
            if (here.layer(k).property("ADBE Mask Parade")) {
                found.push(here.layer(k));
            }
        }
        return found;
    }

    function isIn(names, name) {
        var k;
        for (k = 0; k < names.length; k += 1) {
            if (names[k] === name) {
                return true;
            }
        }
        return false;
    }

    // Footage that shows its file as it is, or why it does not.
    function whyNotNeutral(here, layer) {
        var source = layer.source;
        if (env.isComp(source) || source.footageMissing) {
            return source.footageMissing ? "The footage of '" + layer.name + "' is missing." :
                "'" + layer.name + "' is a composition.";
        }
        if (!env.fileOf(source)) {
            return "'" + layer.name + "' has no file.";
        }
        if (source.useProxy) {
            return "'" + layer.name + "' shows a proxy.";
        }
        if (source.frameRate && Math.abs(source.frameRate - here.frameRate) > 0.002) { // 0: a still
            return "'" + layer.name + "' has another frame rate than the composition.";
        }
        return "";
    }

    function plate() {
        var here = comp(), layer = plateLayer(here), source = layer.source;
        if (layer.timeRemapEnabled || layer.stretch !== 100) {
            refuse("The layer '" + layer.name + "' is stretched or remapped in time, and shapes are not: pre-compose it, or " +
                "put it back to 100 %.");
        }
        var why = args && args.rendered ? "Frames are rendered by After Effects." : whyNotNeutral(here, layer);
        var rendered = why !== "";
        var surface = rendered ? here : source;
        var start = rendered ? 0 : layer.startTime;
        return {
            key: here.name + "/" + layer.name, name: layer.name, path: rendered ? "" : env.fileOf(source), why: why,
            width: surface.width, height: surface.height, pixelAspect: surface.pixelAspect, frameRate: here.frameRate,
            frames: {first: 0, last: Math.max(Math.round((here.duration - start) * here.frameRate) - 1, 0)},
            layer: layer.name, start: start
        };
    }

    function frame() {
        var here = comp();
        return Math.round((here.time - args.start) / here.frameDuration);
    }

    function showFrame() {
        var here = comp();
        here.time = Math.min(Math.max(args.start + args.frame * here.frameDuration, 0), here.duration - here.frameDuration);
        return null;
    }

    // Sets how finely frames are rendered, and returns how finely they were.
    function resolution() {
        var here = comp(), before = here.resolutionFactor;
        here.resolutionFactor = args.factor;
        return [before[0], before[1]];
    }

    function save() {
        var here = comp();
        return env.save(here, args.start + args.frame * here.frameDuration, args.file);
    }

    function counts(layers) {
        var found = [], k;
        for (k = 0; k < layers.length; k += 1) {
            found.push(layers[k].property("ADBE Mask Parade").numProperties);
        }
        return found;
    }

    // Removes those of the first so many masks of each layer that have one of the names.
    function removeMasks(layers, many, names) {
        var k, n, parade;
        for (k = 0; k < layers.length; k += 1) {
            for (n = many[k]; n >= 1; n -= 1) {
                parade = layers[k].property("ADBE Mask Parade");
                if (isIn(names, parade.property(n).name)) {
                    parade.property(n).remove();
                }
            }
        }
    }

    function shift(masks, frames) {
        var k, m;
        for (m = 0; m < masks.length; m += 1) {
            for (k = 0; k < masks[m].frames.length; k += 1) {
                masks[m].frames[k] += frames;
            }
            for (k = 0; k < masks[m].shown.length; k += 1) {
                masks[m].shown[k][0] += frames;
            }
        }
    }

    function apply() {
        var here = comp(), layer = findLayer(here, args.layer), data = args.data, done;
        if (!layer) {
            refuse("The layer '" + args.layer + "' is no longer in this composition: open the plate again.");
        }
        var surface = args.onLayer ? layer.source : here, what = args.onLayer ? "layer '" + layer.name + "'" : "composition";
        if (surface.width !== data.width || surface.height !== data.height) {
            refuse("The " + what + " has " + surface.width + "x" + surface.height + " pixels, and what was tracked " + data.width +
                "x" + data.height + ": masks would lie elsewhere. Choose " + (args.onLayer ? "Matte solid." : "Masks on the layer."));
        }
        var target = args.onLayer ? layer : findLayer(here, data.name + " matte");
        var selected = here.selectedLayers;
        var base = target || (selected.length === 1 ? selected[0] : null); // the layer that applyRoto counts from
        shift(data.masks, (args.start - (base ? base.startTime : 0)) / here.frameDuration);
        var inner = {
            app: env.app, Shape: env.Shape, MaskMode: env.MaskMode, KeyframeInterpolationType: env.KeyframeInterpolationType,
            MaskFeatherFalloff: env.MaskFeatherFalloff, TrackMatteType: env.TrackMatteType, isComp: env.isComp,
            layer: target,
            confirm: function () { return false; }
        };
        var before = parades(here), many = counts(before);
        env.app.beginUndoGroup("Rotolink");
        try {
            done = applyRoto(inner, data); // refuses before it changes anything: the old masks go afterwards
            removeMasks(before, many, args.names);
        } finally {
            env.app.endUndoGroup();
        }
        return {layer: done.layer.name, notes: done.notes};
    }

    function read() {
        var here = comp(), layers = parades(here), found = [], k, n, parade, mask;
        for (k = 0; k < layers.length; k += 1) {
            parade = layers[k].property("ADBE Mask Parade");
            for (n = 1; n <= parade.numProperties; n += 1) {
                mask = parade.property(n);
                if (isIn(args.names, mask.name)) {
                    found.push(readMask(here, mask));
                }
            }
        }
        return found;
    }

    function readMask(here, mask) {
        var path = mask.property("ADBE Mask Shape"), frames = [], outlines = [], k;
        for (k = 1; k <= path.numKeys; k += 1) {
            frames.push(Math.round((path.keyTime(k) - args.start) / here.frameDuration));
            outlines.push(outline(path.keyValue(k)));
        }
        if (!path.numKeys) { // no frames: the shape's own
            outlines.push(outline(path.value));
        }
        return {name: mask.name, frames: frames, outlines: outlines};
    }

    function outline(shape) {
        var row = [], k;
        for (k = 0; k < shape.vertices.length; k += 1) {
            row.push(shape.vertices[k][0], shape.vertices[k][1], shape.inTangents[k][0], shape.inTangents[k][1],
                shape.outTangents[k][0], shape.outTangents[k][1]);
        }
        return row;
    }

    if (what === "plate") { return plate(); }
    if (what === "frame") { return frame(); }
    if (what === "showFrame") { return showFrame(); }
    if (what === "resolution") { return resolution(); }
    if (what === "save") { return save(); }
    if (what === "apply") { return apply(); }
    if (what === "read") { return read(); }
    return refuse("The panel asked for something that is not known: " + what);
}

// A value as text that is JSON: ExtendScript has none of its own that can be counted on.
function rotoText(value) {
    var parts = [], k;
    if (value === null || value === undefined) {
        return "null";
    }
    if (typeof value === "number" || typeof value === "boolean") {
        return String(value);
    }
    if (typeof value === "string") {
        for (k = 0; k < value.length; k += 1) {
            var code = value.charCodeAt(k);
            var plain = code >= 32 && code < 127 && code !== 34 && code !== 92;
            parts.push(plain ? value.charAt(k) : "\\u" + ("000" + code.toString(16)).slice(-4));
        }
        return "\"" + parts.join("") + "\"";
    }
    if (value instanceof Array) {
        for (k = 0; k < value.length; k += 1) {
            parts.push(rotoText(value[k]));
        }
        return "[" + parts.join(",") + "]";
    }
    for (k in value) {
        if (value.hasOwnProperty(k)) {
            parts.push(rotoText(k) + ":" + rotoText(value[k]));
        }
    }
    return "{" + parts.join(",") + "}";
}
