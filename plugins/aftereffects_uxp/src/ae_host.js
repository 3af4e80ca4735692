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
    function whyNotNeutral(layer) {
        var source = layer.source;
        if (env.isComp(source) || source.footageMissing) {
            return source.footageMissing ? "The footage of '" + layer.name + "' is missing." :
                "'" + layer.name + "' is a composition.";
        }
        if (!env.fileOf(source)) {
            return "'" + layer.name + "' has no file.";
        }
        return source.useProxy ? "'" + layer.name + "' shows a proxy." : "";
    }

    function plate() {
        var here = comp(), layer = plateLayer(here), source = layer.source;
        if (layer.timeRemapEnabled || layer.stretch !== 100) {
            refuse("The layer '" + layer.name + "' is stretched or remapped in time, and shapes are not: pre-compose it, or " +
                "put it back to 100 %.");
        }
        var why = args && args.rendered ? "Frames are rendered by After Effects." : whyNotNeutral(layer);
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

    function save() {
        var here = comp(), before = here.resolutionFactor, done = null;
        here.resolutionFactor = [1, 1];
        try {
            done = env.save(here, args.start + args.frame * here.frameDuration, args.file);
        } finally {
            here.resolutionFactor = before;
        }
        return done;
    }

    function removeMasks(layers, names) {
        var k, n, parade;
        for (k = 0; k < layers.length; k += 1) {
            for (n = layers[k].property("ADBE Mask Parade").numProperties; n >= 1; n -= 1) {
                parade = layers[k].property("ADBE Mask Parade");
                if (isIn(names, parade.property(n).name)) {
                    parade.property(n).remove();
                }
            }
        }
    }

    function apply() {
        var here = comp(), layer = findLayer(here, args.layer), data = args.data, done, k, m;
        if (!layer) {
            refuse("The layer '" + args.layer + "' is no longer in this composition: open the plate again.");
        }
        var solid = data.name + " matte";
        if (!args.onLayer && args.start === 0 && layer.startTime !== 0) {
            for (m = 0; m < data.masks.length; m += 1) { // counted from the composition, not from the layer
                for (k = 0; k < data.masks[m].frames.length; k += 1) {
                    data.masks[m].frames[k] -= Math.round(layer.startTime / here.frameDuration);
                }
                for (k = 0; k < data.masks[m].shown.length; k += 1) {
                    data.masks[m].shown[k][0] -= Math.round(layer.startTime / here.frameDuration);
                }
            }
        }
        var inner = {
            app: env.app, Shape: env.Shape, MaskMode: env.MaskMode, KeyframeInterpolationType: env.KeyframeInterpolationType,
            MaskFeatherFalloff: env.MaskFeatherFalloff, TrackMatteType: env.TrackMatteType, isComp: env.isComp,
            layer: args.onLayer ? layer : findLayer(here, solid),
            confirm: function () { return false; }
        };
        env.app.beginUndoGroup("Rotolink");
        try {
            removeMasks(parades(here), args.names);
            done = applyRoto(inner, data);
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
        if (!path.numKeys) {
            frames.push(0);
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
