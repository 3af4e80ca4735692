// Built by build.py from src and apply_roto.js: change those.
/* eslint-disable */
// Masks in After Effects from shapes, in ECMAScript 3: one routine for scripts (ExtendScript) and panels (UXP).
//
// env has what differs between the two: app, Shape, MaskMode, KeyframeInterpolationType, MaskFeatherFalloff,
// TrackMatteType, isComp(item), and confirm(question), which says whether the selected layer itself gets the masks.
// env.layer, if there is one, gets the masks without a question: a panel sends one mask a call.
//
// data is what roto_shapes.formats.aftereffects writes. Its frames count from the plate's first frame. An outline is a
// row of six numbers a point: position, then the tangents towards the previous and the next point as offsets, in plate
// pixels, y down.
//
// Returns {layer, notes}: where the masks are, and sentences for the artist. Throws an Error with one sentence, before
// anything is changed, when the masks cannot be made here.
function applyRoto(env, data) {
    var notes = [];

    function refuse(sentence) {
        throw new Error(sentence);
    }

    function findComp() {
        var project = env.app.project;
        var item = project ? project.activeItem : null;
        if (!item || !env.isComp(item)) {
            refuse("Open the composition that shows the plate, select the plate's layer, and run this again.");
        }
        return item;
    }

    function findPlateLayer(comp) {
        var selected = comp.selectedLayers;
        if (selected.length > 1) {
            refuse("Several layers are selected: select the plate's layer alone, or none for a new solid.");
        }
        var layer = selected.length === 1 ? selected[0] : null;
        if (layer && (!layer.source || !layer.property("ADBE Mask Parade"))) {
            refuse("The layer '" + layer.name + "' does not show a plate: select the plate's layer, or none.");
        }
        return layer;
    }

    function requireTime(layer) {
        if (layer && (layer.timeRemapEnabled || layer.stretch !== 100)) {
            refuse("The layer '" + layer.name + "' is stretched or remapped in time, and shapes are not: " +
                "pre-compose it, or put it back to 100 %.");
        }
    }

    function shortened(number) {
        return Math.round(number * 1000) / 1000;
    }

    function compare(what, here, wanted, tolerance) {
        if (Math.abs(here - wanted) > tolerance) {
            notes.push("The " + what + " is " + shortened(here) + " here, and " + shortened(wanted) + " for the shapes.");
        }
    }

    function compareAll(comp, surface, start) {
        compare("width", surface.width, data.width, 0);
        compare("height", surface.height, data.height, 0);
        compare("pixel aspect", surface.pixelAspect, data.pixelAspect, 0.001);
        compare("frame rate", comp.frameRate, data.frameRate, 0.002);
        var frames = Math.round((comp.duration - start) * comp.frameRate);
        if (frames < data.frameCount) {
            notes.push("The shapes last " + data.frameCount + " frames, and the composition ends after " + frames + ".");
        }
    }

    function addSolid(comp, plateLayer) {
        var solid = comp.layers.addSolid(
            [1, 1, 1], data.name + " matte", comp.width, comp.height, comp.pixelAspect, comp.duration);
        solid.comment = data.madeBy;
        if (plateLayer && plateLayer.setTrackMatte) {
            plateLayer.setTrackMatte(solid, env.TrackMatteType.ALPHA);
        } else if (plateLayer) {
            notes.push("This After Effects sets no track matte by script: choose '" + solid.name + "' for '" +
                plateLayer.name + "' by hand.");
        }
        return solid;
    }

    function shapeOf(mask, at) {
        var numbers = mask.outlines[at], shape = new env.Shape();
        var vertices = [], into = [], out = [], k;
        for (k = 0; k < numbers.length; k += 6) {
            vertices.push([numbers[k], numbers[k + 1]]);
            into.push([numbers[k + 2], numbers[k + 3]]);
            out.push([numbers[k + 4], numbers[k + 5]]);
        }
        shape.vertices = vertices;
        shape.inTangents = into;
        shape.outTangents = out;
        shape.closed = true;
        if (mask.feather.length) {
            addFeather(shape, mask.feather[at]);
        }
        return shape;
    }

    // A feather point at each vertex; radii are px, below zero towards the inside.
    function addFeather(shape, radii) {
        var places = [], zeros = [], types = [], k, inside = false;
        for (k = 0; k < radii.length; k += 1) {
            inside = inside || (radii[k] < 0);
        }
        for (k = 0; k < radii.length; k += 1) {
            places.push(k);
            zeros.push(0);
            types.push(inside ? 1 : 0);
        }
        shape.featherSegLocs = places;
        shape.featherRelSegLocs = zeros;
        shape.featherRadii = radii;
        shape.featherInterps = zeros;
        shape.featherTensions = zeros;
        shape.featherTypes = types;
        shape.featherRelCornerAngles = zeros;
    }

    function setKeys(property, times, values, interpolation) {
        var k;
        if (times.length === 1) {
            property.setValue(values[0]);
            return;
        }
        property.setValuesAtTimes(times, values);
        for (k = 1; k <= times.length; k += 1) {
            property.setInterpolationTypeAtKey(k, interpolation, interpolation);
        }
    }

    function addMask(layer, mask, timeOf) {
        var parade = layer.property("ADBE Mask Parade");
        // What addProperty returns, and all that was fetched before it, no longer stands for a mask.
        var index = parade.addProperty("ADBE Mask Atom").propertyIndex;
        var atom = parade.property(index);
        var times = [], shapes = [], levels = [], k;
        atom.name = mask.name;
        atom.maskMode = mask.cuts ? env.MaskMode.SUBTRACT : env.MaskMode.ADD;
        atom.inverted = false;
        atom.rotoBezier = false;
        atom.color = mask.colour;
        atom.maskFeatherFalloff = env.MaskFeatherFalloff.FFO_LINEAR;
        for (k = 0; k < mask.frames.length; k += 1) {
            times.push(timeOf(mask.frames[k]));
            shapes.push(shapeOf(mask, k));
        }
        setKeys(atom.property("ADBE Mask Shape"), times, shapes, env.KeyframeInterpolationType.LINEAR);
        times = [];
        for (k = 0; k < mask.shown.length; k += 1) {
            times.push(timeOf(mask.shown[k][0]));
            levels.push(mask.shown[k][1]);
        }
        setKeys(atom.property("ADBE Mask Opacity"), times, levels, env.KeyframeInterpolationType.HOLD);
    }

    function apply() {
        var comp = findComp();
        if (!data.masks.length) {
            refuse("There are no shapes in this script: nothing was changed.");
        }
        var plateLayer = env.layer || findPlateLayer(comp);
        requireTime(plateLayer);
        var start = plateLayer ? plateLayer.startTime : 0;
        var itself = !!env.layer || (!!plateLayer && env.confirm(
            "Put the masks on the layer '" + plateLayer.name + "' itself? " +
            "Otherwise a new solid gets them, as its track matte."));
        compareAll(comp, itself ? plateLayer.source : comp, start);
        env.app.beginUndoGroup("Roto shapes of " + data.name);
        try {
            var target = itself ? plateLayer : addSolid(comp, plateLayer);
            var before = target.property("ADBE Mask Parade").numProperties;
            if (before && !env.layer) {
                notes.push("The layer '" + target.name + "' had " + before + " masks: the new ones follow them.");
            }
            for (var k = 0; k < data.masks.length; k += 1) {
                addMask(target, data.masks[k], function (frame) {
                    return start + frame * comp.frameDuration;
                });
            }
            return {layer: target, notes: notes};
        } finally {
            env.app.endUndoGroup();
        }
    }

    return apply();
}

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

globalThis.Rotolink = globalThis.Rotolink || {};
globalThis.Rotolink.applyRotoText = "// Masks in After Effects from shapes, in ECMAScript 3: one routine for scripts (ExtendScript) and panels (UXP).\n//\n// env has what differs between the two: app, Shape, MaskMode, KeyframeInterpolationType, MaskFeatherFalloff,\n// TrackMatteType, isComp(item), and confirm(question), which says whether the selected layer itself gets the masks.\n// env.layer, if there is one, gets the masks without a question: a panel sends one mask a call.\n//\n// data is what roto_shapes.formats.aftereffects writes. Its frames count from the plate's first frame. An outline is a\n// row of six numbers a point: position, then the tangents towards the previous and the next point as offsets, in plate\n// pixels, y down.\n//\n// Returns {layer, notes}: where the masks are, and sentences for the artist. Throws an Error with one sentence, before\n// anything is changed, when the masks cannot be made here.\nfunction applyRoto(env, data) {\n    var notes = [];\n\n    function refuse(sentence) {\n        throw new Error(sentence);\n    }\n\n    function findComp() {\n        var project = env.app.project;\n        var item = project ? project.activeItem : null;\n        if (!item || !env.isComp(item)) {\n            refuse(\"Open the composition that shows the plate, select the plate's layer, and run this again.\");\n        }\n        return item;\n    }\n\n    function findPlateLayer(comp) {\n        var selected = comp.selectedLayers;\n        if (selected.length > 1) {\n            refuse(\"Several layers are selected: select the plate's layer alone, or none for a new solid.\");\n        }\n        var layer = selected.length === 1 ? selected[0] : null;\n        if (layer && (!layer.source || !layer.property(\"ADBE Mask Parade\"))) {\n            refuse(\"The layer '\" + layer.name + \"' does not show a plate: select the plate's layer, or none.\");\n        }\n        return layer;\n    }\n\n    function requireTime(layer) {\n        if (layer && (layer.timeRemapEnabled || layer.stretch !== 100)) {\n            refuse(\"The layer '\" + layer.name + \"' is stretched or remapped in time, and shapes are not: \" +\n                \"pre-compose it, or put it back to 100 %.\");\n        }\n    }\n\n    function shortened(number) {\n        return Math.round(number * 1000) / 1000;\n    }\n\n    function compare(what, here, wanted, tolerance) {\n        if (Math.abs(here - wanted) > tolerance) {\n            notes.push(\"The \" + what + \" is \" + shortened(here) + \" here, and \" + shortened(wanted) + \" for the shapes.\");\n        }\n    }\n\n    function compareAll(comp, surface, start) {\n        compare(\"width\", surface.width, data.width, 0);\n        compare(\"height\", surface.height, data.height, 0);\n        compare(\"pixel aspect\", surface.pixelAspect, data.pixelAspect, 0.001);\n        compare(\"frame rate\", comp.frameRate, data.frameRate, 0.002);\n        var frames = Math.round((comp.duration - start) * comp.frameRate);\n        if (frames < data.frameCount) {\n            notes.push(\"The shapes last \" + data.frameCount + \" frames, and the composition ends after \" + frames + \".\");\n        }\n    }\n\n    function addSolid(comp, plateLayer) {\n        var solid = comp.layers.addSolid(\n            [1, 1, 1], data.name + \" matte\", comp.width, comp.height, comp.pixelAspect, comp.duration);\n        solid.comment = data.madeBy;\n        if (plateLayer && plateLayer.setTrackMatte) {\n            plateLayer.setTrackMatte(solid, env.TrackMatteType.ALPHA);\n        } else if (plateLayer) {\n            notes.push(\"This After Effects sets no track matte by script: choose '\" + solid.name + \"' for '\" +\n                plateLayer.name + \"' by hand.\");\n        }\n        return solid;\n    }\n\n    function shapeOf(mask, at) {\n        var numbers = mask.outlines[at], shape = new env.Shape();\n        var vertices = [], into = [], out = [], k;\n        for (k = 0; k < numbers.length; k += 6) {\n            vertices.push([numbers[k], numbers[k + 1]]);\n            into.push([numbers[k + 2], numbers[k + 3]]);\n            out.push([numbers[k + 4], numbers[k + 5]]);\n        }\n        shape.vertices = vertices;\n        shape.inTangents = into;\n        shape.outTangents = out;\n        shape.closed = true;\n        if (mask.feather.length) {\n            addFeather(shape, mask.feather[at]);\n        }\n        return shape;\n    }\n\n    // A feather point at each vertex; radii are px, below zero towards the inside.\n    function addFeather(shape, radii) {\n        var places = [], zeros = [], types = [], k, inside = false;\n        for (k = 0; k < radii.length; k += 1) {\n            inside = inside || (radii[k] < 0);\n        }\n        for (k = 0; k < radii.length; k += 1) {\n            places.push(k);\n            zeros.push(0);\n            types.push(inside ? 1 : 0);\n        }\n        shape.featherSegLocs = places;\n        shape.featherRelSegLocs = zeros;\n        shape.featherRadii = radii;\n        shape.featherInterps = zeros;\n        shape.featherTensions = zeros;\n        shape.featherTypes = types;\n        shape.featherRelCornerAngles = zeros;\n    }\n\n    function setKeys(property, times, values, interpolation) {\n        var k;\n        if (times.length === 1) {\n            property.setValue(values[0]);\n            return;\n        }\n        property.setValuesAtTimes(times, values);\n        for (k = 1; k <= times.length; k += 1) {\n            property.setInterpolationTypeAtKey(k, interpolation, interpolation);\n        }\n    }\n\n    function addMask(layer, mask, timeOf) {\n        var parade = layer.property(\"ADBE Mask Parade\");\n        // What addProperty returns, and all that was fetched before it, no longer stands for a mask.\n        var index = parade.addProperty(\"ADBE Mask Atom\").propertyIndex;\n        var atom = parade.property(index);\n        var times = [], shapes = [], levels = [], k;\n        atom.name = mask.name;\n        atom.maskMode = mask.cuts ? env.MaskMode.SUBTRACT : env.MaskMode.ADD;\n        atom.inverted = false;\n        atom.rotoBezier = false;\n        atom.color = mask.colour;\n        atom.maskFeatherFalloff = env.MaskFeatherFalloff.FFO_LINEAR;\n        for (k = 0; k < mask.frames.length; k += 1) {\n            times.push(timeOf(mask.frames[k]));\n            shapes.push(shapeOf(mask, k));\n        }\n        setKeys(atom.property(\"ADBE Mask Shape\"), times, shapes, env.KeyframeInterpolationType.LINEAR);\n        times = [];\n        for (k = 0; k < mask.shown.length; k += 1) {\n            times.push(timeOf(mask.shown[k][0]));\n            levels.push(mask.shown[k][1]);\n        }\n        setKeys(atom.property(\"ADBE Mask Opacity\"), times, levels, env.KeyframeInterpolationType.HOLD);\n    }\n\n    function apply() {\n        var comp = findComp();\n        if (!data.masks.length) {\n            refuse(\"There are no shapes in this script: nothing was changed.\");\n        }\n        var plateLayer = env.layer || findPlateLayer(comp);\n        requireTime(plateLayer);\n        var start = plateLayer ? plateLayer.startTime : 0;\n        var itself = !!env.layer || (!!plateLayer && env.confirm(\n            \"Put the masks on the layer '\" + plateLayer.name + \"' itself? \" +\n            \"Otherwise a new solid gets them, as its track matte.\"));\n        compareAll(comp, itself ? plateLayer.source : comp, start);\n        env.app.beginUndoGroup(\"Roto shapes of \" + data.name);\n        try {\n            var target = itself ? plateLayer : addSolid(comp, plateLayer);\n            var before = target.property(\"ADBE Mask Parade\").numProperties;\n            if (before && !env.layer) {\n                notes.push(\"The layer '\" + target.name + \"' had \" + before + \" masks: the new ones follow them.\");\n            }\n            for (var k = 0; k < data.masks.length; k += 1) {\n                addMask(target, data.masks[k], function (frame) {\n                    return start + frame * comp.frameDuration;\n                });\n            }\n            return {layer: target, notes: notes};\n        } finally {\n            env.app.endUndoGroup();\n        }\n    }\n\n    return apply();\n}\n";
globalThis.Rotolink.hostScript = "// Masks in After Effects from shapes, in ECMAScript 3: one routine for scripts (ExtendScript) and panels (UXP).\n//\n// env has what differs between the two: app, Shape, MaskMode, KeyframeInterpolationType, MaskFeatherFalloff,\n// TrackMatteType, isComp(item), and confirm(question), which says whether the selected layer itself gets the masks.\n// env.layer, if there is one, gets the masks without a question: a panel sends one mask a call.\n//\n// data is what roto_shapes.formats.aftereffects writes. Its frames count from the plate's first frame. An outline is a\n// row of six numbers a point: position, then the tangents towards the previous and the next point as offsets, in plate\n// pixels, y down.\n//\n// Returns {layer, notes}: where the masks are, and sentences for the artist. Throws an Error with one sentence, before\n// anything is changed, when the masks cannot be made here.\nfunction applyRoto(env, data) {\n    var notes = [];\n\n    function refuse(sentence) {\n        throw new Error(sentence);\n    }\n\n    function findComp() {\n        var project = env.app.project;\n        var item = project ? project.activeItem : null;\n        if (!item || !env.isComp(item)) {\n            refuse(\"Open the composition that shows the plate, select the plate's layer, and run this again.\");\n        }\n        return item;\n    }\n\n    function findPlateLayer(comp) {\n        var selected = comp.selectedLayers;\n        if (selected.length > 1) {\n            refuse(\"Several layers are selected: select the plate's layer alone, or none for a new solid.\");\n        }\n        var layer = selected.length === 1 ? selected[0] : null;\n        if (layer && (!layer.source || !layer.property(\"ADBE Mask Parade\"))) {\n            refuse(\"The layer '\" + layer.name + \"' does not show a plate: select the plate's layer, or none.\");\n        }\n        return layer;\n    }\n\n    function requireTime(layer) {\n        if (layer && (layer.timeRemapEnabled || layer.stretch !== 100)) {\n            refuse(\"The layer '\" + layer.name + \"' is stretched or remapped in time, and shapes are not: \" +\n                \"pre-compose it, or put it back to 100 %.\");\n        }\n    }\n\n    function shortened(number) {\n        return Math.round(number * 1000) / 1000;\n    }\n\n    function compare(what, here, wanted, tolerance) {\n        if (Math.abs(here - wanted) > tolerance) {\n            notes.push(\"The \" + what + \" is \" + shortened(here) + \" here, and \" + shortened(wanted) + \" for the shapes.\");\n        }\n    }\n\n    function compareAll(comp, surface, start) {\n        compare(\"width\", surface.width, data.width, 0);\n        compare(\"height\", surface.height, data.height, 0);\n        compare(\"pixel aspect\", surface.pixelAspect, data.pixelAspect, 0.001);\n        compare(\"frame rate\", comp.frameRate, data.frameRate, 0.002);\n        var frames = Math.round((comp.duration - start) * comp.frameRate);\n        if (frames < data.frameCount) {\n            notes.push(\"The shapes last \" + data.frameCount + \" frames, and the composition ends after \" + frames + \".\");\n        }\n    }\n\n    function addSolid(comp, plateLayer) {\n        var solid = comp.layers.addSolid(\n            [1, 1, 1], data.name + \" matte\", comp.width, comp.height, comp.pixelAspect, comp.duration);\n        solid.comment = data.madeBy;\n        if (plateLayer && plateLayer.setTrackMatte) {\n            plateLayer.setTrackMatte(solid, env.TrackMatteType.ALPHA);\n        } else if (plateLayer) {\n            notes.push(\"This After Effects sets no track matte by script: choose '\" + solid.name + \"' for '\" +\n                plateLayer.name + \"' by hand.\");\n        }\n        return solid;\n    }\n\n    function shapeOf(mask, at) {\n        var numbers = mask.outlines[at], shape = new env.Shape();\n        var vertices = [], into = [], out = [], k;\n        for (k = 0; k < numbers.length; k += 6) {\n            vertices.push([numbers[k], numbers[k + 1]]);\n            into.push([numbers[k + 2], numbers[k + 3]]);\n            out.push([numbers[k + 4], numbers[k + 5]]);\n        }\n        shape.vertices = vertices;\n        shape.inTangents = into;\n        shape.outTangents = out;\n        shape.closed = true;\n        if (mask.feather.length) {\n            addFeather(shape, mask.feather[at]);\n        }\n        return shape;\n    }\n\n    // A feather point at each vertex; radii are px, below zero towards the inside.\n    function addFeather(shape, radii) {\n        var places = [], zeros = [], types = [], k, inside = false;\n        for (k = 0; k < radii.length; k += 1) {\n            inside = inside || (radii[k] < 0);\n        }\n        for (k = 0; k < radii.length; k += 1) {\n            places.push(k);\n            zeros.push(0);\n            types.push(inside ? 1 : 0);\n        }\n        shape.featherSegLocs = places;\n        shape.featherRelSegLocs = zeros;\n        shape.featherRadii = radii;\n        shape.featherInterps = zeros;\n        shape.featherTensions = zeros;\n        shape.featherTypes = types;\n        shape.featherRelCornerAngles = zeros;\n    }\n\n    function setKeys(property, times, values, interpolation) {\n        var k;\n        if (times.length === 1) {\n            property.setValue(values[0]);\n            return;\n        }\n        property.setValuesAtTimes(times, values);\n        for (k = 1; k <= times.length; k += 1) {\n            property.setInterpolationTypeAtKey(k, interpolation, interpolation);\n        }\n    }\n\n    function addMask(layer, mask, timeOf) {\n        var parade = layer.property(\"ADBE Mask Parade\");\n        // What addProperty returns, and all that was fetched before it, no longer stands for a mask.\n        var index = parade.addProperty(\"ADBE Mask Atom\").propertyIndex;\n        var atom = parade.property(index);\n        var times = [], shapes = [], levels = [], k;\n        atom.name = mask.name;\n        atom.maskMode = mask.cuts ? env.MaskMode.SUBTRACT : env.MaskMode.ADD;\n        atom.inverted = false;\n        atom.rotoBezier = false;\n        atom.color = mask.colour;\n        atom.maskFeatherFalloff = env.MaskFeatherFalloff.FFO_LINEAR;\n        for (k = 0; k < mask.frames.length; k += 1) {\n            times.push(timeOf(mask.frames[k]));\n            shapes.push(shapeOf(mask, k));\n        }\n        setKeys(atom.property(\"ADBE Mask Shape\"), times, shapes, env.KeyframeInterpolationType.LINEAR);\n        times = [];\n        for (k = 0; k < mask.shown.length; k += 1) {\n            times.push(timeOf(mask.shown[k][0]));\n            levels.push(mask.shown[k][1]);\n        }\n        setKeys(atom.property(\"ADBE Mask Opacity\"), times, levels, env.KeyframeInterpolationType.HOLD);\n    }\n\n    function apply() {\n        var comp = findComp();\n        if (!data.masks.length) {\n            refuse(\"There are no shapes in this script: nothing was changed.\");\n        }\n        var plateLayer = env.layer || findPlateLayer(comp);\n        requireTime(plateLayer);\n        var start = plateLayer ? plateLayer.startTime : 0;\n        var itself = !!env.layer || (!!plateLayer && env.confirm(\n            \"Put the masks on the layer '\" + plateLayer.name + \"' itself? \" +\n            \"Otherwise a new solid gets them, as its track matte.\"));\n        compareAll(comp, itself ? plateLayer.source : comp, start);\n        env.app.beginUndoGroup(\"Roto shapes of \" + data.name);\n        try {\n            var target = itself ? plateLayer : addSolid(comp, plateLayer);\n            var before = target.property(\"ADBE Mask Parade\").numProperties;\n            if (before && !env.layer) {\n                notes.push(\"The layer '\" + target.name + \"' had \" + before + \" masks: the new ones follow them.\");\n            }\n            for (var k = 0; k < data.masks.length; k += 1) {\n                addMask(target, data.masks[k], function (frame) {\n                    return start + frame * comp.frameDuration;\n                });\n            }\n            return {layer: target, notes: notes};\n        } finally {\n            env.app.endUndoGroup();\n        }\n    }\n\n    return apply();\n}\n\n// What a panel does in After Effects, in ECMAScript 3: run by ExtendScript for CEP, and in place for UXP.\n//\n// env is that of applyRoto, and has besides: fileOf(source), the path of a footage item's file or \"\". All numbers of\n// outlines are plate pixels, y down; frames count from the layer's start as 0. Throws Errors with one sentence.\nfunction rotoHost(env, what, args) {\n    function refuse(sentence) {\n        throw new Error(sentence);\n    }\n\n    function comp() {\n        var project = env.app.project;\n        var item = project ? project.activeItem : null;\n        if (!item || !env.isComp(item)) {\n            refuse(\"Open the composition that shows the plate, and select the plate's layer.\");\n        }\n        return item;\n    }\n\n    function plateLayer(here) {\n        var selected = here.selectedLayers;\n        if (selected.length !== 1) {\n            refuse(selected.length ? \"Several layers are selected: select the plate's layer alone.\" :\n                \"Select the layer of the plate first.\");\n        }\n        if (!selected[0].source || !selected[0].property(\"ADBE Mask Parade\")) {\n            refuse(\"The layer '\" + selected[0].name + \"' does not show a plate: select a layer of footage.\");\n        }\n        return selected[0];\n    }\n\n    function findLayer(here, name) {\n        var k;\n        for (k = 1; k <= here.numLayers; k += 1) {\n            if (here.layer(k).name === name && here.layer(k).property(\"ADBE Mask Parade\")) {\n                return here.layer(k);\n            }\n        }\n        return null;\n    }\n\n    function parades(here) {\n        var found = [], k;\n        for (k = 1; k <= here.numLayers; k += 1) {\n            if (here.layer(k).property(\"ADBE Mask Parade\")) {\n                found.push(here.layer(k));\n            }\n        }\n        return found;\n    }\n\n    function isIn(names, name) {\n        var k;\n        for (k = 0; k < names.length; k += 1) {\n            if (names[k] === name) {\n                return true;\n            }\n        }\n        return false;\n    }\n\n    // Footage that shows its file as it is, or why it does not.\n    function whyNotNeutral(here, layer) {\n        var source = layer.source;\n        if (env.isComp(source) || source.footageMissing) {\n            return source.footageMissing ? \"The footage of '\" + layer.name + \"' is missing.\" :\n                \"'\" + layer.name + \"' is a composition.\";\n        }\n        if (!env.fileOf(source)) {\n            return \"'\" + layer.name + \"' has no file.\";\n        }\n        if (source.useProxy) {\n            return \"'\" + layer.name + \"' shows a proxy.\";\n        }\n        if (source.frameRate && Math.abs(source.frameRate - here.frameRate) > 0.002) { // 0: a still\n            return \"'\" + layer.name + \"' has another frame rate than the composition.\";\n        }\n        return \"\";\n    }\n\n    function plate() {\n        var here = comp(), layer = plateLayer(here), source = layer.source;\n        if (layer.timeRemapEnabled || layer.stretch !== 100) {\n            refuse(\"The layer '\" + layer.name + \"' is stretched or remapped in time, and shapes are not: pre-compose it, or \" +\n                \"put it back to 100 %.\");\n        }\n        var why = args && args.rendered ? \"Frames are rendered by After Effects.\" : whyNotNeutral(here, layer);\n        var rendered = why !== \"\";\n        var surface = rendered ? here : source;\n        var start = rendered ? 0 : layer.startTime;\n        return {\n            key: here.name + \"/\" + layer.name, name: layer.name, path: rendered ? \"\" : env.fileOf(source), why: why,\n            width: surface.width, height: surface.height, pixelAspect: surface.pixelAspect, frameRate: here.frameRate,\n            frames: {first: 0, last: Math.max(Math.round((here.duration - start) * here.frameRate) - 1, 0)},\n            layer: layer.name, start: start\n        };\n    }\n\n    function frame() {\n        var here = comp();\n        return Math.round((here.time - args.start) / here.frameDuration);\n    }\n\n    function showFrame() {\n        var here = comp();\n        here.time = Math.min(Math.max(args.start + args.frame * here.frameDuration, 0), here.duration - here.frameDuration);\n        return null;\n    }\n\n    // Sets how finely frames are rendered, and returns how finely they were.\n    function resolution() {\n        var here = comp(), before = here.resolutionFactor;\n        here.resolutionFactor = args.factor;\n        return [before[0], before[1]];\n    }\n\n    function save() {\n        var here = comp();\n        return env.save(here, args.start + args.frame * here.frameDuration, args.file);\n    }\n\n    function counts(layers) {\n        var found = [], k;\n        for (k = 0; k < layers.length; k += 1) {\n            found.push(layers[k].property(\"ADBE Mask Parade\").numProperties);\n        }\n        return found;\n    }\n\n    // Removes those of the first so many masks of each layer that have one of the names.\n    function removeMasks(layers, many, names) {\n        var k, n, parade;\n        for (k = 0; k < layers.length; k += 1) {\n            for (n = many[k]; n >= 1; n -= 1) {\n                parade = layers[k].property(\"ADBE Mask Parade\");\n                if (isIn(names, parade.property(n).name)) {\n                    parade.property(n).remove();\n                }\n            }\n        }\n    }\n\n    function shift(masks, frames) {\n        var k, m;\n        for (m = 0; m < masks.length; m += 1) {\n            for (k = 0; k < masks[m].frames.length; k += 1) {\n                masks[m].frames[k] += frames;\n            }\n            for (k = 0; k < masks[m].shown.length; k += 1) {\n                masks[m].shown[k][0] += frames;\n            }\n        }\n    }\n\n    function apply() {\n        var here = comp(), layer = findLayer(here, args.layer), data = args.data, done;\n        if (!layer) {\n            refuse(\"The layer '\" + args.layer + \"' is no longer in this composition: open the plate again.\");\n        }\n        var surface = args.onLayer ? layer.source : here, what = args.onLayer ? \"layer '\" + layer.name + \"'\" : \"composition\";\n        if (surface.width !== data.width || surface.height !== data.height) {\n            refuse(\"The \" + what + \" has \" + surface.width + \"x\" + surface.height + \" pixels, and what was tracked \" + data.width +\n                \"x\" + data.height + \": masks would lie elsewhere. Choose \" + (args.onLayer ? \"Matte solid.\" : \"Masks on the layer.\"));\n        }\n        var target = args.onLayer ? layer : findLayer(here, data.name + \" matte\");\n        var selected = here.selectedLayers;\n        var base = target || (selected.length === 1 ? selected[0] : null); // the layer that applyRoto counts from\n        shift(data.masks, (args.start - (base ? base.startTime : 0)) / here.frameDuration);\n        var inner = {\n            app: env.app, Shape: env.Shape, MaskMode: env.MaskMode, KeyframeInterpolationType: env.KeyframeInterpolationType,\n            MaskFeatherFalloff: env.MaskFeatherFalloff, TrackMatteType: env.TrackMatteType, isComp: env.isComp,\n            layer: target,\n            confirm: function () { return false; }\n        };\n        var before = parades(here), many = counts(before);\n        env.app.beginUndoGroup(\"Rotolink\");\n        try {\n            done = applyRoto(inner, data); // refuses before it changes anything: the old masks go afterwards\n            removeMasks(before, many, args.names);\n        } finally {\n            env.app.endUndoGroup();\n        }\n        return {layer: done.layer.name, notes: done.notes};\n    }\n\n    function read() {\n        var here = comp(), layers = parades(here), found = [], k, n, parade, mask;\n        for (k = 0; k < layers.length; k += 1) {\n            parade = layers[k].property(\"ADBE Mask Parade\");\n            for (n = 1; n <= parade.numProperties; n += 1) {\n                mask = parade.property(n);\n                if (isIn(args.names, mask.name)) {\n                    found.push(readMask(here, mask));\n                }\n            }\n        }\n        return found;\n    }\n\n    function readMask(here, mask) {\n        var path = mask.property(\"ADBE Mask Shape\"), frames = [], outlines = [], k;\n        for (k = 1; k <= path.numKeys; k += 1) {\n            frames.push(Math.round((path.keyTime(k) - args.start) / here.frameDuration));\n            outlines.push(outline(path.keyValue(k)));\n        }\n        if (!path.numKeys) { // no frames: the shape's own\n            outlines.push(outline(path.value));\n        }\n        return {name: mask.name, frames: frames, outlines: outlines};\n    }\n\n    function outline(shape) {\n        var row = [], k;\n        for (k = 0; k < shape.vertices.length; k += 1) {\n            row.push(shape.vertices[k][0], shape.vertices[k][1], shape.inTangents[k][0], shape.inTangents[k][1],\n                shape.outTangents[k][0], shape.outTangents[k][1]);\n        }\n        return row;\n    }\n\n    if (what === \"plate\") { return plate(); }\n    if (what === \"frame\") { return frame(); }\n    if (what === \"showFrame\") { return showFrame(); }\n    if (what === \"resolution\") { return resolution(); }\n    if (what === \"save\") { return save(); }\n    if (what === \"apply\") { return apply(); }\n    if (what === \"read\") { return read(); }\n    return refuse(\"The panel asked for something that is not known: \" + what);\n}\n\n// A value as text that is JSON: ExtendScript has none of its own that can be counted on.\nfunction rotoText(value) {\n    var parts = [], k;\n    if (value === null || value === undefined) {\n        return \"null\";\n    }\n    if (typeof value === \"number\" || typeof value === \"boolean\") {\n        return String(value);\n    }\n    if (typeof value === \"string\") {\n        for (k = 0; k < value.length; k += 1) {\n            var code = value.charCodeAt(k);\n            var plain = code >= 32 && code < 127 && code !== 34 && code !== 92;\n            parts.push(plain ? value.charAt(k) : \"\\\\u\" + (\"000\" + code.toString(16)).slice(-4));\n        }\n        return \"\\\"\" + parts.join(\"\") + \"\\\"\";\n    }\n    if (value instanceof Array) {\n        for (k = 0; k < value.length; k += 1) {\n            parts.push(rotoText(value[k]));\n        }\n        return \"[\" + parts.join(\",\") + \"]\";\n    }\n    for (k in value) {\n        if (value.hasOwnProperty(k)) {\n            parts.push(rotoText(k) + \":\" + rotoText(value[k]));\n        }\n    }\n    return \"{\" + parts.join(\",\") + \"}\";\n}\n";
// Bytes to values and back: UTF-8, msgpack, and zlib, in what every host's JavaScript has (UXP lacks TextEncoder,
// TextDecoder and DecompressionStream).
(function (rotolink) {
  "use strict";

  const MOST_DEPTH = 64;

  /** @param {string} text @returns {Uint8Array} */
  function utf8(text) {
    const out = [];
    for (let i = 0; i < text.length; i += 1) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i += 1;
        }
      }
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd; // half of a pair alone
      if (code < 0x80) out.push(code);
      else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return new Uint8Array(out);
  }

  /** @param {Uint8Array} bytes @returns {string} */
  function fromUtf8(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const first = bytes[i];
      const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : -1;
      let code = more < 0 ? 0xfffd : more === 0 ? first : first & (0x3f >> more);
      for (let k = 1; k <= more; k += 1) code = (code << 6) | ((bytes[i + k] || 0) & 63);
      i += Math.max(more, 0) + 1;
      text += code < 0x10000 ? String.fromCharCode(code)
        : String.fromCharCode(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    return text;
  }

  /** Packs a value as msgpack. @param {any} value @returns {Uint8Array} */
  function pack(value) {
    let room = new Uint8Array(1024);
    let view = new DataView(room.buffer);
    let at = 0;

    /** @param {number} size */
    function need(size) {
      if (at + size <= room.length) return;
      const larger = new Uint8Array(Math.max(2 * room.length, at + size));
      larger.set(room.subarray(0, at));
      room = larger;
      view = new DataView(room.buffer);
    }

    /** @param {number} byte */
    function byte(byte) {
      need(1);
      room[at] = byte;
      at += 1;
    }

    /** @param {Uint8Array} bytes */
    function bytes(bytes) {
      need(bytes.length);
      room.set(bytes, at);
      at += bytes.length;
    }

    /** @param {number} number @param {1|2|4} size */
    function big(number, size) {
      need(size);
      if (size === 1) view.setUint8(at, number);
      else if (size === 2) view.setUint16(at, number);
      else view.setUint32(at, number);
      at += size;
    }

    /** @param {number} count @param {[number, number, number, number, number]} marks fixed, its limit, then 8, 16, 32 bits */
    function head(count, marks) {
      const [fixed, limit, small, middle, large] = marks;
      if (count < limit) byte(fixed | count);
      else if (small && count < 0x100) { byte(small); big(count, 1); }
      else if (count < 0x10000) { byte(middle); big(count, 2); }
      else { byte(large); big(count, 4); }
    }

    /** @param {number} number */
    function whole(number) {
      if (number >= 0 && number < 128) byte(number);
      else if (number < 0 && number >= -32) byte(number & 0xff);
      else if (number >= 0 && number < 0x100000000) { byte(0xce); big(number, 4); }
      else if (number < 0 && number >= -0x80000000) { byte(0xd2); big(number >>> 0, 4); }
      else real(number);
    }

    /** @param {number} number */
    function real(number) {
      byte(0xcb);
      need(8);
      view.setFloat64(at, number);
      at += 8;
    }

    /** @param {any} value */
    function any(value) {
      if (value === null || value === undefined) byte(0xc0);
      else if (typeof value === "boolean") byte(value ? 0xc3 : 0xc2);
      else if (typeof value === "number") (Number.isInteger(value) && !Object.is(value, -0) ? whole : real)(value);
      else if (typeof value === "string") {
        const text = utf8(value);
        head(text.length, [0xa0, 32, 0xd9, 0xda, 0xdb]);
        bytes(text);
      } else if (value instanceof Uint8Array) {
        head(value.length, [0, 0, 0xc4, 0xc5, 0xc6]);
        bytes(value);
      } else if (Array.isArray(value)) {
        head(value.length, [0x90, 16, 0, 0xdc, 0xdd]);
        value.forEach(any);
      } else {
        const keys = Object.keys(value).filter((key) => value[key] !== undefined);
        head(keys.length, [0x80, 16, 0, 0xde, 0xdf]);
        keys.forEach((key) => { any(key); any(value[key]); });
      }
    }

    any(value);
    return room.slice(0, at);
  }

  /** Unpacks msgpack; throws an Error for bytes that are none. @param {Uint8Array} data @returns {any} */
  function unpack(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;

    /** @param {number} size */
    function step(size) {
      const here = at;
      if (here + size > data.length) throw new Error("A message from the daemon ends too early.");
      at += size;
      return here;
    }

    /** @param {1|2|4} size */
    function count(size) {
      const here = step(size);
      return size === 1 ? view.getUint8(here) : size === 2 ? view.getUint16(here) : view.getUint32(here);
    }

    /** @param {number} size */
    function piece(size) {
      const here = step(size);
      return data.subarray(here, here + size);
    }

    /** @param {number} size @param {number} depth */
    function list(size, depth) {
      if (size > data.length - at) throw new Error("A message from the daemon is damaged.");
      const made = [];
      for (let k = 0; k < size; k += 1) made.push(any(depth + 1));
      return made;
    }

    /** @param {number} size @param {number} depth */
    function map(size, depth) {
      if (size > data.length - at) throw new Error("A message from the daemon is damaged.");
      /** @type {Record<string, any>} */
      const made = Object.create(null);
      for (let k = 0; k < size; k += 1) {
        const key = any(depth + 1);
        if (typeof key !== "string" && typeof key !== "number") throw new Error("A message from the daemon is damaged.");
        made[key] = any(depth + 1);
      }
      return made;
    }

    /** @param {number} high @param {number} low */
    function wide(high, low) {
      return high * 0x100000000 + low;
    }

    /** @param {number} depth @returns {any} */
    function any(depth) {
      if (depth > MOST_DEPTH) throw new Error("A message from the daemon is nested too deeply.");
      const kind = view.getUint8(step(1));
      if (kind < 0x80) return kind;
      if (kind >= 0xe0) return kind - 0x100;
      if (kind < 0x90) return map(kind & 15, depth);
      if (kind < 0xa0) return list(kind & 15, depth);
      if (kind < 0xc0) return fromUtf8(piece(kind & 31));
      switch (kind) {
        case 0xc0: return null;
        case 0xc2: return false;
        case 0xc3: return true;
        case 0xc4: return piece(count(1));
        case 0xc5: return piece(count(2));
        case 0xc6: return piece(count(4));
        case 0xca: return view.getFloat32(step(4));
        case 0xcb: return view.getFloat64(step(8));
        case 0xcc: return count(1);
        case 0xcd: return count(2);
        case 0xce: return count(4);
        case 0xcf: return wide(count(4), count(4));
        case 0xd0: return view.getInt8(step(1));
        case 0xd1: return view.getInt16(step(2));
        case 0xd2: return view.getInt32(step(4));
        case 0xd3: return wide(view.getInt32(step(4)), count(4));
        case 0xd9: return fromUtf8(piece(count(1)));
        case 0xda: return fromUtf8(piece(count(2)));
        case 0xdb: return fromUtf8(piece(count(4)));
        case 0xdc: return list(count(2), depth);
        case 0xdd: return list(count(4), depth);
        case 0xde: return map(count(2), depth);
        case 0xdf: return map(count(4), depth);
        default: throw new Error("A message from the daemon is damaged.");
      }
    }

    const value = any(0);
    if (at !== data.length) throw new Error("A message from the daemon has more in it than it says.");
    return value;
  }

  const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const FAR_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577];
  const FAR_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  /** Codes of a length each, as counts and sorted symbols: RFC 1951, section 3.2.2. @param {number[]} lengths */
  function codes(lengths) {
    const counts = new Uint16Array(16);
    lengths.forEach((length) => { counts[length] += 1; });
    counts[0] = 0;
    const starts = new Uint16Array(16);
    for (let k = 1; k < 16; k += 1) starts[k] = starts[k - 1] + counts[k - 1];
    const symbols = new Uint16Array(lengths.length);
    lengths.forEach((length, symbol) => { if (length) { symbols[starts[length]] = symbol; starts[length] += 1; } });
    return { counts, symbols };
  }

  const FIXED = codes(Array.from({ length: 288 }, (_, k) => (k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8)));
  const FIXED_FAR = codes(Array.from({ length: 30 }, () => 5));

  /** Adler-32 (RFC 1950), summed in runs that stay exact. @param {Uint8Array} bytes */
  function adler(bytes) {
    let low = 1;
    let high = 0;
    for (let at = 0; at < bytes.length;) {
      const stop = Math.min(at + 3800, bytes.length);
      for (; at < stop; at += 1) {
        low += bytes[at];
        high += low;
      }
      low %= 65521;
      high %= 65521;
    }
    return high * 65536 + low;
  }

  /** Unpacks zlib (RFC 1950) to a size that is known. @param {Uint8Array} data @param {number} size @returns {Uint8Array} */
  function inflate(data, size) {
    const out = new Uint8Array(size);
    let end = 0;
    let at = 2;
    let held = 0;
    let ready = 0;
    const damaged = () => new Error("A matte from the daemon is damaged.");

    /** @param {number} count */
    function bits(count) {
      while (ready < count) {
        if (at >= data.length) throw damaged();
        held |= data[at] << ready;
        at += 1;
        ready += 8;
      }
      const value = held & ((1 << count) - 1);
      held >>>= count;
      ready -= count;
      return value;
    }

    /** @param {{counts: Uint16Array, symbols: Uint16Array}} table */
    function symbol(table) {
      let code = 0;
      let first = 0;
      let index = 0;
      for (let length = 1; length < 16; length += 1) {
        code |= bits(1);
        const count = table.counts[length];
        if (code - count < first) return table.symbols[index + code - first];
        index += count;
        first = (first + count) << 1;
        code <<= 1;
      }
      throw damaged();
    }

    function tables() {
      const literals = bits(5) + 257;
      const fars = bits(5) + 1;
      const lengths = Array.from({ length: 19 }, () => 0);
      const given = bits(4) + 4;
      for (let k = 0; k < given; k += 1) lengths[ORDER[k]] = bits(3);
      const table = codes(lengths);
      /** @type {number[]} */
      const all = [];
      while (all.length < literals + fars) {
        const next = symbol(table);
        if (next < 16) all.push(next);
        else {
          const value = next === 16 ? all[all.length - 1] : 0;
          const times = next === 16 ? 3 + bits(2) : next === 17 ? 3 + bits(3) : 11 + bits(7);
          if (value === undefined) throw damaged();
          for (let k = 0; k < times; k += 1) all.push(value);
        }
      }
      return [codes(all.slice(0, literals)), codes(all.slice(literals, literals + fars))];
    }

    function stored() {
      held = 0;
      ready = 0;
      const length = data[at] | (data[at + 1] << 8);
      if (length !== (0xffff & ~(data[at + 2] | (data[at + 3] << 8)))) throw damaged();
      at += 4;
      if (at + length > data.length || end + length > size) throw damaged();
      out.set(data.subarray(at, at + length), end);
      at += length;
      end += length;
    }

    let last = false;
    while (!last) {
      last = bits(1) === 1;
      const kind = bits(2);
      if (kind === 3) throw damaged();
      if (kind === 0) {
        stored();
        continue;
      }
      const [literal, far] = kind === 1 ? [FIXED, FIXED_FAR] : tables();
      for (let next = symbol(literal); next !== 256; next = symbol(literal)) {
        if (next < 256) {
          if (end >= size) throw damaged();
          out[end] = next;
          end += 1;
          continue;
        }
        const length = LENGTH_BASE[next - 257] + bits(LENGTH_BITS[next - 257]);
        const place = symbol(far);
        const back = FAR_BASE[place] + bits(FAR_BITS[place]);
        if (!(back <= end && end + length <= size)) throw damaged();
        for (let k = 0; k < length; k += 1) out[end + k] = out[end + k - back];
        end += length;
      }
    }
    if (end !== size || at + 4 !== data.length || adler(out) !== new DataView(data.buffer, data.byteOffset + at).getUint32(0)) throw damaged();
    return out;
  }

  rotolink.bytes = { utf8, fromUtf8, pack, unpack, inflate };
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// The daemon over one WebSocket: docs/reference/gateway.md. Comes back by itself when the daemon does.
(function (rotolink) {
  "use strict";

  const CLOSED_TOO_MANY = 1013;
  const PROTOCOL = "roto.v1.msgpack";
  const API = { major: 1, minor: 1 };
  const FIRST_PAUSE_MS = 250;
  const LONGEST_PAUSE_MS = 8000;
  const LARGEST = 2 << 20; // bytes of a message that the daemon takes
  const ANSWER_MS = 150000; // longer than a daemon bears a silent worker, so that its own words arrive first

  /** What a call came to; `message` is for the artist. */
  class CallError extends Error {
    /** @param {string} code @param {string} detail @param {string} reason */
    constructor(code, detail, reason) {
      super(detail);
      this.code = code;
      this.reason = reason;
    }
  }

  class Connection {
    /**
     * @param {string} url where the daemon answers, such as ws://127.0.0.1:50751/ws
     * @param {(state: "connecting"|"connected"|"lost", sentence: string) => void} changed
     * @param {{Socket?: any, setTimeout?: any, clearTimeout?: any}} [world] of a test
     */
    constructor(url, changed, world = {}) {
      this.url = url;
      this.hello = null;
      this._changed = changed;
      this._Socket = world.Socket || globalThis.WebSocket;
      this._later = world.setTimeout || ((call, ms) => setTimeout(call, ms));
      this._never = world.clearTimeout || ((timer) => clearTimeout(timer));
      this._calls = new Map();
      this._next = 1;
      this._pause = FIRST_PAUSE_MS;
      this._closed = false;
      this._socket = null;
    }

    open() {
      if (this._closed) return;
      this._changed("connecting", `Looking for the daemon at ${this.url}.`);
      let socket;
      try {
        socket = new this._Socket(this.url, PROTOCOL);
      } catch (error) {
        this._lost(`The daemon cannot be reached: ${error.message || error}`);
        return;
      }
      socket.binaryType = "arraybuffer";
      this._socket = socket;
      socket.onopen = () => this._greet(socket);
      socket.onmessage = (event) => this._take(event.data);
      socket.onerror = () => {};
      socket.onclose = (event) => {
        if (this._socket !== socket) return;
        this._socket = null;
        const full = event && event.code === CLOSED_TOO_MANY;
        this._lost(full ? `The daemon takes no more panels: ${event.reason}` :
          "No daemon answers. Start it with: roto-daemon serve. It is looked for until it is there.");
      };
    }

    close() {
      this._closed = true;
      if (this._socket) this._socket.close();
      this._socket = null;
      this._failAll("The panel was closed.");
    }

    /** A call with one answer. @param {string} op @param {object} args @returns {Promise<any>} */
    call(op, args) {
      return this.stream(op, args, () => {}).done;
    }

    /**
     * A call with a stream of answers.
     * @param {string} op @param {object} args @param {(event: any) => void} taken
     * @param {{latest?: boolean}} [options]
     * @returns {{done: Promise<any>, cancel: () => void}}
     */
    stream(op, args, taken, options = {}) {
      const id = this._next;
      this._next += 1;
      const done = new Promise((resolve, reject) => {
        if (!this._socket || this._socket.readyState !== 1) {
          reject(new CallError("UNAVAILABLE", "No daemon answers: wait until it is back.", ""));
          return;
        }
        const message = { id, op, args, metadata: { "matte-coding": "zlib" } };
        if (options.latest) message.latest = true;
        const packed = rotolink.bytes.pack(message);
        if (packed.length > LARGEST) {
          reject(new CallError("RESOURCE_EXHAUSTED", "This is more than the daemon takes at once: fit with fewer points or keys.", ""));
          return;
        }
        const call = { resolve, reject, taken, timer: null };
        this._calls.set(id, call);
        this._wind(id, call);
        this._socket.send(packed);
      });
      return { done, cancel: () => this._cancel(id) };
    }

    _cancel(id) {
      if (this._calls.has(id) && this._socket && this._socket.readyState === 1) this._socket.send(rotolink.bytes.pack({ id, cancel: true }));
    }

    /** Sends one frame of a plate as an image file. */
    upload(plateId, frame, name, bytes, piece) {
      const { pack } = rotolink.bytes;
      const call = this.stream("PlateService/UploadFrames", undefined, () => {});
      const id = this._next - 1;
      if (this._calls.has(id)) {
        const header = { frame, file: { name }, size: bytes.length };
        this._socket.send(pack({ id, send: { plate_id: plateId, header } }));
        for (let at = 0; at < bytes.length; at += piece) {
          this._socket.send(pack({ id, send: { data: bytes.subarray(at, at + piece) } }));
        }
        this._socket.send(pack({ id, end: true }));
      }
      return call.done;
    }

    _wind(id, call) {
      this._never(call.timer);
      call.timer = this._later(() => {
        this._cancel(id);
        this._end(id, new CallError("DEADLINE_EXCEEDED", "The daemon fell silent: try again.", ""));
      }, ANSWER_MS);
    }

    async _greet(socket) {
      try {
        this.hello = await this.call("DaemonService/Hello", { api: API, client: "After Effects panel" });
      } catch (error) {
        if (this._socket !== socket) return; // it was lost meanwhile, and that was told
        if (error.code === "FAILED_PRECONDITION") { // another version: to ask again would not help
          this.close();
          this._changed("lost", error.message);
        } else this._drop(`The daemon does not answer: ${error.message}`);
        return;
      }
      this._pause = FIRST_PAUSE_MS;
      this._changed("connected", `Connected to Rotolink ${this.hello.version}.`);
    }

    _take(data) {
      let message;
      try {
        message = rotolink.bytes.unpack(new Uint8Array(data));
      } catch (error) {
        this._drop(error.message);
        return;
      }
      const call = message && this._calls.get(message.id);
      if (!call) return;
      if ("event" in message) {
        this._wind(message.id, call);
        try {
          call.taken(message.event);
        } catch (error) {
          this._end(message.id, error);
        }
      } else if ("ok" in message) this._end(message.id, null, message.ok);
      else if ("error" in message) {
        this._end(message.id, new CallError(message.error.code, message.error.detail, message.error.reason));
      }
    }

    _end(id, error, answer) {
      const call = this._calls.get(id);
      if (!call) return;
      this._calls.delete(id);
      this._never(call.timer);
      if (error) call.reject(error);
      else call.resolve(answer);
    }

    _failAll(sentence) {
      for (const id of [...this._calls.keys()]) this._end(id, new CallError("UNAVAILABLE", sentence, ""));
    }

    /** Gives the socket up, and comes back by another. */
    _drop(sentence) {
      const socket = this._socket;
      this._socket = null;
      if (socket) socket.close();
      this._lost(sentence);
    }

    _lost(sentence) {
      this._failAll("The daemon is gone in the middle; what was done by then stays.");
      if (this._closed) return;
      this._changed("lost", sentence);
      this._later(() => this.open(), this._pause);
      this._pause = Math.min(2 * this._pause, LONGEST_PAUSE_MS);
    }
  }

  rotolink.Connection = Connection;
  rotolink.CallError = CallError;
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// Between the protocol's values and what a panel draws or a host applies.
(function (rotolink) {
  "use strict";

  /** Gathers the pieces of mattes of one call. */
  class Mattes {
    /** @param {(matte: any) => void} whole */
    constructor(whole) {
      this._whole = whole;
      this._header = null;
      this._pieces = [];
      this._got = 0;
    }

    /** @param {{header?: any, data: Uint8Array}} part */
    take(part) {
      if (part.header) {
        this._header = part.header;
        this._pieces = [];
        this._got = 0;
      }
      if (!this._header) return;
      if (part.data && part.data.length) {
        this._pieces.push(part.data);
        this._got += part.data.length;
      }
      if (this._got < this._header.size) return;
      const header = this._header;
      this._header = null;
      this._whole(unpacked(header, joined(this._pieces, this._got)));
    }
  }

  /** @param {Uint8Array[]} pieces @param {number} size */
  function joined(pieces, size) {
    const whole = new Uint8Array(size);
    let at = 0;
    pieces.forEach((piece) => { whole.set(piece, at); at += piece.length; });
    return whole;
  }

  function unpacked(header, data) {
    const bytes = header.bits / 8;
    const size = (header.right - header.left) * (header.bottom - header.top) * bytes;
    const samples = header.codec === "MATTE_CODEC_ZLIB" ? rotolink.bytes.inflate(data, size) : data;
    return { ...header, samples, bytes };
  }

  /** Coverage 0 to 255 at a place of the plate. */
  function coverage(matte, x, y) {
    if (x < matte.left || x >= matte.right || y < matte.top || y >= matte.bottom) return 0;
    const at = ((y - matte.top) * (matte.right - matte.left) + (x - matte.left)) * matte.bytes;
    return matte.samples[at + matte.bytes - 1]; // the high byte of two
  }

  /**
   * A matte as rows of rectangles to fill, at the size of a view: [x, y, width, height] in view pixels.
   * Any canvas can fill those, and UXP's can draw no pixels.
   */
  function runs(matte, scale) {
    const found = [];
    const step = Math.max(1, Math.round(1 / Math.max(scale.x, scale.y)));
    for (let y = matte.top - (matte.top % step); y < matte.bottom; y += step) {
      let start = -1;
      for (let x = matte.left - (matte.left % step); x <= matte.right; x += step) {
        const on = x < matte.right && coverage(matte, x, y) >= 128;
        if (on && start < 0) start = x;
        if (!on && start >= 0) {
          found.push([start * scale.x, y * scale.y, (x - start) * scale.x, step * scale.y]);
          start = -1;
        }
      }
    }
    return found;
  }

  const PER_POINT = ["x", "y", "in_x", "in_y", "out_x", "out_y"];

  /** Returns the data that `applyRoto` takes; frames count from the plate's first. */
  function applyData(plate, shapes, madeBy) {
    const first = plate.frames.first;
    const count = plate.frames.last - first + 1;
    const masks = shapes.filter((shape) => shape.closed).map((shape) => ({
      name: shape.name,
      colour: [shape.colour.red, shape.colour.green, shape.colour.blue],
      cuts: shape.invert,
      frames: shape.keyframes.map((key) => key.frame - first),
      shown: shownFrom(shape.lifetime, plate.frames),
      feather: [],
      outlines: shape.keyframes.map((key) =>
        key.points.reduce((row, point) => row.concat(PER_POINT.map((name) => thousandths(point[name]))), [])),
    }));
    while (masks.length && masks[0].cuts) masks.shift(); // it would cut where there is nothing
    return {
      name: plate.name || "plate", madeBy, width: plate.width, height: plate.height, pixelAspect: plate.pixel_aspect,
      frameRate: plate.frame_rate, firstFrame: first, frameCount: count, masks,
    };
  }

  function shownFrom(lifetime, frames) {
    if (lifetime.last < frames.first || lifetime.first > frames.last) return [[0, 0]];
    const shown = lifetime.first > frames.first ? [[0, 0]] : [];
    shown.push([Math.max(lifetime.first, frames.first) - frames.first, 100]);
    if (lifetime.last < frames.last) shown.push([lifetime.last + 1 - frames.first, 0]);
    return shown;
  }

  function thousandths(number) {
    return Math.round(number * 1000) / 1000 + 0;
  }

  /**
   * Puts masks read back from a host into the shapes that were written; returns {shapes, edited, notes}.
   * Numbers went out at a thousandth of a pixel, so what differs by more than two was moved by hand.
   */
  function withEdits(shapes, masks, plate) {
    const first = plate.frames.first;
    const edited = new Set();
    const notes = [];
    const made = shapes.map((shape) => {
      const mask = masks.find((each) => each.name === shape.name);
      if (!mask) {
        notes.push(`The mask '${shape.name}' is gone: the shape is left as it was written.`);
        return shape;
      }
      const count = shape.keyframes[0].points.length;
      if (mask.outlines.some((row) => row.length !== 6 * count)) {
        notes.push(`The mask '${shape.name}' has another number of points than was written: it is left as it was.`);
        return shape;
      }
      const known = new Map(shape.keyframes.map((key) => [key.frame, key]));
      const frames = mask.frames.length ? mask.frames.map((at) => first + at) : [shape.keyframes[0].frame]; // a path without keys
      const last = frames.filter((frame, k) => frames.indexOf(frame) === k); // keys between frames may meet on one
      const keyframes = last.map((frame) => {
        const k = frames.lastIndexOf(frame);
        const before = known.get(frame);
        const points = Array.from({ length: count }, (_, n) => {
          const old = before && before.points[n];
          const point = old ? { ...old } : { corner: shape.keyframes[0].points[n].corner };
          PER_POINT.forEach((name, axis) => {
            const number = mask.outlines[k][6 * n + axis];
            if (old && Math.abs(old[name] - number) <= 0.002) return;
            point[name] = number;
            edited.add(frame);
          });
          return point;
        });
        return { frame, points, locked: before ? before.locked : false };
      });
      return { ...shape, keyframes };
    });
    return { shapes: made, edited: [...edited].sort((a, b) => a - b), notes };
  }

  rotolink.shapes = { Mattes, coverage, runs, applyData, withEdits };
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// An artist's work in a panel, without its window: the daemon on one side, a host on the other.
//
// A host has: name, plate() -> {key, name, path?, firstFrame?, width, height, frames, frameRate, pixelAspect, why?},
// frame() / showFrame(n) counted from the plate's first as 0, render(n) -> PNG bytes where there is no path,
// apply(data, {onLayer, names}) -> notes, readMasks(names) -> masks. All may be asynchronous, and throw sentences.
(function (rotolink) {
  "use strict";

  const COLOURS = [[1, 0.3, 0.26], [0.22, 0.72, 1], [0.55, 0.86, 0.28], [1, 0.72, 0.16], [0.8, 0.48, 1], [0.16, 0.86, 0.74]];
  const MOST_MATTES = 600;
  const PIECE = 1 << 20;
  const MOST_STEPS = 200;

  class Desk {
    /** @param {any} host @param {() => void} changed called after the state has changed */
    constructor(host, changed) {
      this.host = host;
      this.connection = null;
      this._changed = changed;
      this._pictures = new Map();
      this._sent = new Map();
      this._undo = [];
      this._redo = [];
      this._waiting = Promise.resolve();
      this.state = {
        link: "none", said: "", isError: false, plate: null, engine: "", engines: [], frame: 0, objects: [], current: 0,
        work: null, tolerance: 1, points: 0, onLayer: true, canUndo: false, canRedo: false,
      };
    }

    get current() {
      return this.state.objects.find((each) => each.key === this.state.current) || null;
    }

    connect(url, world) {
      if (this.connection) this.connection.close();
      this.connection = new rotolink.Connection(url, (link, said) => this._linked(link, said), world);
      this.connection.open();
    }

    close() {
      if (this.connection) this.connection.close();
    }

    /** Opens the plate of what is selected in the host. */
    async openPlate() {
      await this._do("Opening the plate", async () => {
        const given = await this.host.plate();
        const source = given.path
          ? { path: { path: given.path, ...(given.firstFrame === undefined ? {} : { first_frame: given.firstFrame }) } }
          : { upload: uploadOf(given) };
        let opened;
        try {
          opened = await this.connection.call("PlateService/OpenPlate", source);
        } catch (error) {
          if (!given.path || !this.host.render) throw error;
          const rendered = await this.host.plate({ rendered: true });
          opened = await this.connection.call("PlateService/OpenPlate", { upload: uploadOf(rendered) });
          Object.assign(given, rendered, { path: "", why: `The daemon cannot see ${given.path}: frames are sent instead.` });
        }
        const session = await this.connection.call("SessionService/OpenSession", { plate_id: opened.plate_id, engine: this.state.engine });
        this._given = given;
        this._plateId = opened.plate_id;
        this._session = session.session_id;
        this._sent = new Map();
        this._pictures.clear();
        this._undo = [];
        this._redo = [];
        const plate = { ...opened.plate, name: given.name || opened.plate.name };
        Object.assign(this.state, { plate, engine: session.engine, objects: [], current: 0, frame: plate.frames.first });
        await this.followHost();
        const size = `${plate.width}x${plate.height}, ${plate.frames.first}-${plate.frames.last}`;
        this._say(given.path ? `${plate.name}: ${size}.` : `${given.why || "Frames are sent to the daemon."} (${size})`);
      });
    }

    /** Works on with another engine. */
    async useEngine(name) {
      this.state.engine = name;
      if (this.state.plate) await this.openPlate();
      else this._changed();
    }

    // Looking

    async goTo(frame) {
      const { plate } = this.state;
      if (!plate) return;
      this.state.frame = Math.min(Math.max(Math.round(frame), plate.frames.first), plate.frames.last);
      this._changed();
      if (this.host.showFrame) await this._quietly(() => this.host.showFrame(this.state.frame - plate.frames.first));
    }

    async followHost() {
      const { plate } = this.state;
      if (!plate || !this.host.frame) return;
      let at;
      try {
        at = plate.frames.first + (await this.host.frame());
      } catch (error) {
        return; // no composition is open just now: there is nothing to follow
      }
      if (at !== this.state.frame && at >= plate.frames.first && at <= plate.frames.last) {
        this.state.frame = at;
        this._changed();
      }
    }

    /** Returns the JPEG of the current frame, or null while it comes. */
    picture(longest) {
      const { plate, frame } = this.state;
      if (!plate) return null;
      const key = `${frame}/${longest}`;
      if (!this._pictures.has(key)) {
        if (this._pictures.size > 24) this._pictures.delete(this._pictures.keys().next().value);
        this._pictures.set(key, null);
        this._quietly(async () => {
          await this._send([frame]);
          const got = await this.connection.call("PlateService/ReadPicture", { plate_id: this._plateId, frame, longest_px: longest });
          this._pictures.set(key, got.jpeg);
          this._changed();
        }); // one that fails is asked for again when the daemon is back or the plate is opened, not at once for ever
      }
      return this._pictures.get(key) || null;
    }

    /** Returns an object's matte on the current frame, or null. */
    matte(object) {
      return object.mattes.get(this.state.frame) || null;
    }

    // Pointing

    addObject(name = "") {
      const key = this.state.objects.reduce((most, each) => Math.max(most, each.key), 0) + 1;
      const taken = new Set(this.state.objects.map((each) => each.name));
      let free = name.trim() || `object${key}`;
      for (let n = 2; taken.has(free); n += 1) free = `${name.trim() || `object${key}`}_${n}`;
      const object = {
        key, id: 0, name: free, colour: COLOURS[(key - 1) % COLOURS.length], visible: true, prompts: {}, versions: {}, found: {}, mattes: new Map(),
        shapes: [], written: [], stale: true,
      };
      this.state.objects.push(object);
      this.state.current = key;
      this._changed();
      return object;
    }

    select(key) {
      this.state.current = key;
      this._changed();
    }

    show(key, visible) {
      this.state.objects.find((each) => each.key === key).visible = visible;
      this._changed();
    }

    async remove(key) {
      const object = this.state.objects.find((each) => each.key === key);
      this.state.objects = this.state.objects.filter((each) => each !== object);
      if (this.state.current === key) this.state.current = this.state.objects.length ? this.state.objects[0].key : 0;
      this._changed();
      if (object && object.id) {
        await this._do("", () => this.connection.call("SessionService/RemoveObject", { session_id: this._session, object_id: object.id }));
      }
    }

    click(x, y, foreground = true) {
      const object = this._pointed();
      if (!object) return Promise.resolve();
      const before = object.prompts[this.state.frame] || { points: [] };
      return this._point(object, { ...before, points: [...before.points, { x, y, foreground }] });
    }

    box(x0, y0, x1, y1) {
      const object = this._pointed();
      const box = { x0: Math.min(x0, x1), y0: Math.min(y0, y1), x1: Math.max(x0, x1), y1: Math.max(y0, y1) };
      if (!object || box.x1 - box.x0 < 1 || box.y1 - box.y0 < 1) return Promise.resolve();
      const before = object.prompts[this.state.frame] || { points: [] };
      return this._point(object, { ...before, box });
    }

    clear() {
      const object = this.current;
      if (!object || !object.prompts[this.state.frame]) return Promise.resolve();
      return this._point(object, null);
    }

    undo() { return this._step(this._undo, this._redo); }

    redo() { return this._step(this._redo, this._undo); }

    // Following, fitting, applying

    /** @param {"forward"|"backward"|"both"} way */
    track(way = "both") {
      const object = this.current;
      const prompted = object ? Object.keys(object.prompts).map(Number) : [];
      if (!object || !prompted.length) return this._refuse("Point at the object on some frame first: there is nothing to follow yet.");
      const { frames } = this.state.plate;
      const known = [...prompted, ...Object.keys(object.found).map(Number)];
      const here = this.state.frame;
      const runs = [];
      if (way !== "backward") {
        const start = Math.max(...known.filter((each) => each <= here), Math.min(...known));
        runs.push([start, frames.last, "DIRECTION_FORWARD"]);
      }
      if (way !== "forward") {
        const later = known.filter((each) => each >= here);
        runs.push([frames.first, later.length ? Math.min(...later) : Math.max(...known), "DIRECTION_BACKWARD"]);
      }
      return this._do(`Tracking ${object.name}`, async (work) => {
        const total = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
        let before = 0;
        for (const [first, last, direction] of runs) {
          await this._send(range(first, last), work);
          await this._follow(object, { first, last }, direction, work, before, total);
          before += last - first + 1;
        }
        object.stale = true;
        this._say(`${object.name} is tracked.`);
      });
    }

    stop() {
      const { work } = this.state;
      if (!work) return;
      work.stopped = true;
      if (work.cancel) work.cancel();
      this._changed();
    }

    /** Fits what is not up to date and puts it into the host as masks. */
    apply() {
      if (!this.state.objects.some((each) => Object.keys(each.found).length)) {
        return this._refuse("There is nothing to apply yet: point at an object, and track it.");
      }
      return this._do("Fitting", async (work) => {
        for (const object of this.state.objects) {
          if (object.stale && Object.keys(object.found).length) await this._fit(object, work);
        }
        work.title = "Applying";
        this._changed();
        await this._put();
      });
    }

    /** Takes the artist's edits of the masks back, fits the rest anew between them, and applies again. */
    refine() {
      const object = this.current;
      if (!object || !object.written.length) return this._refuse("Apply the object first: there are no masks to take edits from.");
      return this._do(`Refining ${object.name}`, async (work) => {
        const masks = await this.host.readMasks(object.written.map((each) => each.name));
        const read = rotolink.shapes.withEdits(object.written, masks, this.state.plate);
        await this._named(object);
        await this.connection.call("SessionService/SetShapes", { session_id: this._session, object_id: object.id, shapes: read.shapes });
        await this._fit(object, work, read.edited);
        await this._put();
        const kept = read.edited.length ? `Kept your edits on ${read.edited.join(", ")}.` : "There were no edits.";
        this._say([kept, ...read.notes].join(" "));
      });
    }

    // Inside

    _pointed() {
      if (!this.state.plate) {
        this._refuse("Open a plate first.");
        return null;
      }
      return this.current || this.addObject();
    }

    _point(object, prompt, remember = true) {
      const { frame } = this.state;
      const before = object.prompts[frame] || null;
      if (remember) {
        this._undo.push({ key: object.key, frame, before, after: prompt });
        if (this._undo.length > MOST_STEPS) this._undo.shift();
        this._redo = [];
      }
      if (prompt) object.prompts[frame] = prompt;
      else delete object.prompts[frame];
      object.stale = true;
      this._undoable();
      // One after the other; a click that waits behind a newer one of the same frame is not sent.
      const version = (object.versions[frame] = (object.versions[frame] || 0) + 1);
      this._waiting = this._waiting.then(async () => {
        if (object.versions[frame] !== version) return;
        const done = await this._do("", async () => {
          await this._send([frame]);
          await this._named(object);
          const mattes = new rotolink.shapes.Mattes((matte) => this._keep(object, matte));
          const args = { session_id: this._session, object_id: object.id, prompt: { frame, ...(prompt || {}) } };
          if (!prompt) {
            object.mattes.delete(frame);
            delete object.found[frame];
          }
          await this.connection.stream("SessionService/SetPrompt", args, (event) => event.matte && mattes.take(event.matte)).done;
        });
        if (!done && object.versions[frame] === version) {
          if (before) object.prompts[frame] = before;
          else delete object.prompts[frame];
          if (remember) this._undo.pop();
          this._undoable();
        }
      });
      return this._waiting;
    }

    async _step(from, to) {
      const step = from.pop();
      if (!step) return;
      to.push({ ...step, before: step.after, after: step.before });
      const object = this.state.objects.find((each) => each.key === step.key);
      if (!object) return;
      this.state.current = object.key;
      this.state.frame = step.frame;
      await this._point(object, step.before, false);
    }

    async _follow(object, frames, direction, work, before, total) {
      const mattes = new rotolink.shapes.Mattes((matte) => this._keep(object, matte));
      const call = this.connection.stream("SessionService/Propagate",
        { session_id: this._session, object_id: object.id, frames, direction, send_mattes: true }, (event) => {
          if (event.frame) object.found[event.frame.frame] = event.frame.confidence;
          if (event.matte) mattes.take(event.matte);
          if (event.progress) Object.assign(work, { done: before + event.progress.done, total });
          this._changed();
        }, { latest: true });
      work.cancel = call.cancel;
      await call.done;
    }

    async _fit(object, work, edited = []) {
      const bound = this.state.points > 0 ? { points: this.state.points } : { tolerance_px: this.state.tolerance };
      const anew = edited.length || object.shapes.some((shape) => shape.keyframes.some((key) => key.locked));
      const args = { session_id: this._session, object_id: object.id, edited, ...(anew ? { tolerance_px: this.state.tolerance } : bound) };
      if (!anew) args.interpolation = "INTERPOLATION_LINEAR";
      const call = this.connection.stream("SessionService/FitShapes", args, (event) => {
        if (event.progress) Object.assign(work, { title: `Fitting ${object.name}`, done: event.progress.done, total: event.progress.total });
        if (event.result) object.shapes = event.result.shapes;
        this._changed();
      });
      work.cancel = call.cancel;
      await call.done;
      object.stale = false;
    }

    async _put() {
      const drawn = this.state.objects.filter((each) => each.shapes.length);
      const shapes = drawn.reduce((all, each) => all.concat(each.shapes), []);
      const data = rotolink.shapes.applyData(this.state.plate, shapes, `Rotolink ${this.state.engine}`);
      const names = this.state.objects.reduce((all, each) => all.concat(each.written.map((shape) => shape.name)), []);
      const notes = await this.host.apply(data, { onLayer: this.state.onLayer, names });
      drawn.forEach((each) => { each.written = each.shapes; });
      const points = shapes.reduce((sum, shape) => sum + shape.keyframes[0].points.length, 0);
      this._say([`${counted(shapes.length, "mask")} with ${points} points: now in ${this.host.name}.`, ...notes].join(" "));
    }

    async _named(object) {
      if (object.id) return;
      const added = await this.connection.call("SessionService/AddObject", { session_id: this._session, name: object.name });
      object.id = added.object_id;
    }

    /** Sends frames that the daemon has not, where it cannot read the plate. */
    async _send(frames, work = null) {
      if (!this._given || this._given.path) return;
      for (let k = 0; k < frames.length; k += 1) {
        if (work) {
          if (work.stopped) return;
          Object.assign(work, { title: "Sending frames", done: k, total: frames.length });
          this._changed();
        }
        await this._sendOne(frames[k]);
      }
    }

    /** Sends one frame; who asks for it meanwhile waits for the same. */
    _sendOne(frame) {
      if (!this._sent.has(frame)) {
        const sent = this._sent;
        const sending = (async () => {
          const png = await this.host.render(frame - this.state.plate.frames.first);
          await this.connection.upload(this._plateId, frame, "frame.png", png, PIECE);
        })();
        sent.set(frame, sending);
        sending.catch(() => sent.delete(frame));
      }
      return this._sent.get(frame);
    }

    _keep(object, matte) {
      if (object.mattes.size > MOST_MATTES) object.mattes.delete(object.mattes.keys().next().value);
      object.mattes.set(matte.frame, matte);
      object.found[matte.frame] = matte.confidence;
      this._changed();
    }

    async _linked(link, said) {
      const came = link === "connected" && this.state.link !== "connected";
      Object.assign(this.state, { link, said, isError: link === "lost" });
      this._changed();
      if (!came) return;
      await this._quietly(async () => {
        this.state.engines = (await this.connection.call("DaemonService/ListEngines", {})).engines;
        this._pictures.clear();
        this._changed();
        if (this._session) await this._attach();
      });
    }

    /** Finds the session again after the daemon came back. */
    async _attach() {
      try {
        await this.connection.call("SessionService/AttachSession", { session_id: this._session });
        this._say("The daemon is back, and your work with it.");
      } catch (error) {
        if (error.code !== "NOT_FOUND") throw error;
        this._session = null;
        this.state.plate = null;
        this._say("The daemon is back without this work: open the plate again.", true);
      }
    }

    /** Does something that may fail; returns whether it did not. */
    async _do(title, what) {
      const work = title ? { title, done: 0, total: 0, stopped: false, cancel: null } : null;
      if (work && this.state.work) return this._refuse(`${this.state.work.title}: wait for it, or stop it.`);
      if (!this.connection || this.state.link !== "connected") return this._refuse("No daemon answers: start it, or wait until it is back.");
      if (work) this.state.work = work;
      this._changed();
      try {
        if (work) await this._waiting; // clicks that were made before come first
        await what(work);
        return true;
      } catch (error) {
        if (work && work.stopped) this._say("Stopped; what was done by then stays.");
        else this._say(error.message || String(error), true);
        return false;
      } finally {
        if (work) this.state.work = null;
        this._changed();
      }
    }

    async _quietly(what) {
      try {
        await what();
        return true;
      } catch (error) {
        if (error.code !== "UNAVAILABLE") this._say(error.message || String(error), true);
        return false;
      }
    }

    _refuse(sentence) {
      this._say(sentence, true);
      return Promise.resolve(false);
    }

    _say(said, isError = false) {
      Object.assign(this.state, { said, isError });
      this._undoable();
    }

    _undoable() {
      Object.assign(this.state, { canUndo: this._undo.length > 0, canRedo: this._redo.length > 0 });
      this._changed();
    }
  }

  function uploadOf(given) {
    return {
      width: given.width, height: given.height, frames: given.frames, name: given.name, pixel_aspect: given.pixelAspect,
      frame_rate: given.frameRate, colour_space: "sRGB",
    };
  }

  function range(first, last) {
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  }

  function counted(count, what) {
    return `${count} ${what}${count === 1 ? "" : "s"}`;
  }

  rotolink.Desk = Desk;
  rotolink.counted = counted;
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// The hosts of the panel: After Effects by UXP, After Effects by CEP, and a browser alone.
(function (rotolink) {
  "use strict";

  const PNG_BEGIN = [137, 80, 78, 71, 13, 10, 26, 10];
  const PNG_END = [0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130];
  const RENDER_MS = 120000; // one cold 4K frame took over 15 s
  const LOOK_MS = 50;

  /** Whether bytes are a PNG file that was written to its end; the size alone says nothing. */
  function isWhole(bytes) {
    return bytes.length > 20 && PNG_BEGIN.every((byte, k) => bytes[k] === byte) &&
      PNG_END.every((byte, k) => bytes[bytes.length - PNG_END.length + k] === byte);
  }

  function pause(ms) {
    return new Promise((resolve) => { setTimeout(resolve, ms); });
  }

  /** Reads a file again and again until it is a whole PNG. */
  async function wholePng(read) {
    for (let waited = 0; waited < RENDER_MS; waited += LOOK_MS) {
      const bytes = await read();
      if (bytes && isWhole(bytes)) return bytes;
      await pause(LOOK_MS);
    }
    throw new Error("After Effects did not render the frame within two minutes: render it by hand to see why.");
  }

  /** What After Effects has for both kinds of panel; `ask(what, args)` runs rotoHost. */
  class AfterEffects {
    constructor() {
      this.name = "After Effects";
      this._given = null;
    }

    async plate(how) {
      this._given = await this.ask("plate", how || null);
      return this._given;
    }

    async frame() {
      return this._given ? this.ask("frame", { start: this._given.start }) : 0;
    }

    async showFrame(frame) {
      if (this._given) await this.ask("showFrame", { start: this._given.start, frame });
    }

    /** Does a rendering with every pixel; it goes on after the call, so the composition is put back at the end. */
    async finely(what) {
      const factor = await this.ask("resolution", { factor: [1, 1] });
      try {
        return await what();
      } finally {
        await this.ask("resolution", { factor });
      }
    }

    async apply(data, { onLayer, names }) {
      const { layer, start } = this._given;
      const done = await this.ask("apply", { layer, start, onLayer, names, data });
      return done.notes;
    }

    async readMasks(names) {
      return this.ask("read", { start: this._given.start, names });
    }
  }

  /** After Effects 27 and later: UXP has the document model in place. */
  class Uxp extends AfterEffects {
    constructor(require) {
      super();
      this._module = require("aftereffects");
      this._fs = require("fs");
      this._storage = require("uxp").storage;
      const app = this._module.app || this._module;
      const get = (name) => this._module[name] || app[name] || globalThis[name];
      this.name = `After Effects ${app.version || ""}`.trim();
      this._env = {
        app, layer: null,
        isComp: (item) => Boolean(item) && "layers" in item && "frameDuration" in item,
        fileOf: (source) => (source && "file" in source && source.file) || "",
        save: (comp, time, file) => comp.saveFrameToPng(time, file),
        confirm: () => true,
      };
      for (const name of ["Shape", "MaskMode", "KeyframeInterpolationType", "MaskFeatherFalloff", "TrackMatteType"]) {
        this._env[name] = get(name);
        if (!this._env[name] && name !== "TrackMatteType") throw new Error(`This After Effects has no ${name} for panels: update it.`);
      }
    }

    async ask(what, args) {
      return rotoHost(this._env, what, args);
    }

    async render(frame) {
      const folder = await this._storage.localFileSystem.getTemporaryFolder();
      const file = `${folder.nativePath}/rotolink-${Date.now()}-${frame}.png`;
      try {
        return await this.finely(async () => {
          const done = await this.ask("save", { start: this._given.start, frame, file });
          if (done && typeof done.then === "function") await done;
          return wholePng(async () => {
            try {
              return new Uint8Array(await this._fs.readFile(file));
            } catch (error) {
              return null; // not there yet
            }
          });
        });
      } finally {
        try { await this._fs.unlink(file); } catch (error) { /* the folder is a temporary one */ }
      }
    }
  }

  /** After Effects 24 to 26: a CEP panel, which hands text to ExtendScript. */
  class Cep extends AfterEffects {
    constructor(bridge, files, script) {
      super();
      this._bridge = bridge;
      this._files = files;
      this._script = script;
      this._count = 0;
    }

    /** Runs rotoHost in ExtendScript: by a file, for a long text holds the host up. */
    ask(what, args) {
      const folder = this._bridge.getSystemPath("userData");
      const file = `${folder}/rotolink-${Date.now()}-${this._count}.jsx`;
      this._count += 1;
      const text = ascii(`(function () {\n${this._script}\nvar env = {app: app, Shape: Shape, MaskMode: MaskMode,` +
        "KeyframeInterpolationType: KeyframeInterpolationType, MaskFeatherFalloff: MaskFeatherFalloff, layer: null," +
        "TrackMatteType: typeof TrackMatteType === \"undefined\" ? null : TrackMatteType," +
        "isComp: function (item) { return item instanceof CompItem; }," +
        "fileOf: function (source) { return source.mainSource && source.mainSource.file ? source.mainSource.file.fsName : \"\"; }," +
        "save: function (comp, time, file) { comp.saveFrameToPng(time, new File(file)); return null; }," +
        "confirm: function () { return true; }};\n" +
        `try { return "+" + rotoText(rotoHost(env, ${JSON.stringify(what)}, ${JSON.stringify(args)})); }\n` +
        "catch (error) { return \"-\" + rotoText(error.message || String(error)); }\n}());\n");
      if (this._files.writeFile(file, text).err !== 0) {
        return Promise.reject(new Error(`The folder ${folder} cannot be written: panels need it to talk to After Effects.`));
      }
      return new Promise((resolve, reject) => {
        this._bridge.evalScript(`$.evalFile(${JSON.stringify(file)})`, (answer) => {
          this._files.deleteFile(file);
          try {
            if (answer[0] === "+") resolve(JSON.parse(answer.slice(1)));
            else reject(new Error(answer[0] === "-" ? JSON.parse(answer.slice(1)) : "After Effects did not run the panel's script."));
          } catch (error) {
            reject(new Error("After Effects gave an answer that cannot be read."));
          }
        });
      });
    }

    async render(frame) {
      const file = `${this._bridge.getSystemPath("userData")}/rotolink-${Date.now()}-${frame}.png`;
      try {
        return await this.finely(async () => {
          await this.ask("save", { start: this._given.start, frame, file });
          return wholePng(async () => {
            const got = this._files.readFile(file, "Base64");
            return got.err === 0 ? fromBase64(got.data) : null;
          });
        });
      } finally {
        this._files.deleteFile(file);
      }
    }
  }

  /** A browser alone: the plate is named by its path, and shapes leave as files. */
  class Page {
    constructor(askPath, saveFile) {
      this.name = "a .jsx file";
      this._askPath = askPath;
      this._saveFile = saveFile;
    }

    async plate() {
      const path = this._askPath().trim();
      if (!path) throw new Error("Write the plate's path first, such as /shots/plate.####.exr.");
      return { key: path, name: path.split(/[\\/]/).pop(), path };
    }

    async apply(data) {
      const script = `${rotolink.applyRotoText}\n${PAGE_SCRIPT}`.replace("DATA_HERE", () => ascii(JSON.stringify(data)));
      this._saveFile(`${data.name.replace(/[^\w.-]+/g, "_")}.jsx`, script);
      return ["Run it in After Effects by File > Scripts > Run Script File."];
    }

    async readMasks() {
      throw new Error("A page has no masks to read: open the panel inside After Effects.");
    }
  }

  const PAGE_SCRIPT = "(function () {\nvar DATA = DATA_HERE;\nvar env = {app: app, Shape: Shape, MaskMode: MaskMode, " +
    "KeyframeInterpolationType: KeyframeInterpolationType, MaskFeatherFalloff: MaskFeatherFalloff, layer: null, " +
    "TrackMatteType: typeof TrackMatteType === \"undefined\" ? null : TrackMatteType, " +
    "isComp: function (item) { return item instanceof CompItem; }, confirm: function (question) { return confirm(question); }};\n" +
    "try {\n    var done = applyRoto(env, DATA);\n    if (done.notes.length) { alert(done.notes.join(\"\\n\")); }\n" +
    "} catch (error) { alert(error.message || String(error)); }\n}());\n";

  /** Text of ASCII alone: other signs as JavaScript writes them. */
  function ascii(text) {
    return text.replace(/[\u0080-\uffff]/g, (sign) => `\\u${(`000${sign.charCodeAt(0).toString(16)}`).slice(-4)}`);
  }

  function fromBase64(text) {
    const raw = atob(text);
    return Uint8Array.from(raw, (sign) => sign.charCodeAt(0));
  }

  rotolink.hosts = { Uxp, Cep, Page, isWhole };
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// The panel's window: a view of a desk. Canvas calls are those that UXP has; events by addEventListener alone.
(function (rotolink) {
  "use strict";

  const LONGEST_PX = 1600;
  const DRAG_PX = 4;
  const FOLLOW_MS = 250;
  const LOW = 0.5;

  class View {
    /** @param {Document} document @param {any} desk @param {boolean} withPath whether the plate is named by its path */
    constructor(document, desk, withPath) {
      this._document = document;
      this._desk = desk;
      this._drag = null;
      this._shown = null;
      this._url = "";
      this.get("path").style.display = withPath ? "" : "none";
      this._bind();
      this._timer = setInterval(() => { if (!desk.state.work) desk.followHost(); }, FOLLOW_MS);
      this.show();
    }

    close() {
      clearInterval(this._timer);
    }

    get(id) {
      return this._document.getElementById(id);
    }

    _bind() {
      const desk = this._desk;
      const press = (id, call) => this.get(id).addEventListener("click", () => { call(); });
      press("open", () => desk.openPlate());
      press("undo", () => desk.undo());
      press("redo", () => desk.redo());
      press("back", () => desk.track("backward"));
      press("both", () => desk.track("both"));
      press("forward", () => desk.track("forward"));
      press("stop", () => desk.stop());
      press("apply", () => this._apply());
      press("refine", () => { this._bounds(); desk.refine(); });
      press("clear", () => desk.clear());
      press("add", () => { desk.addObject(this.get("name").value); this.get("name").value = ""; });
      this.get("engine").addEventListener("change", (event) => desk.useEngine(event.target.value));
      this.get("target").addEventListener("change", (event) => { desk.state.onLayer = event.target.value === "layer"; });
      const view = this.get("view");
      view.addEventListener("mousedown", (event) => this._down(event));
      view.addEventListener("mousemove", (event) => this._move(event));
      view.addEventListener("mouseup", (event) => this._up(event));
      view.addEventListener("mouseleave", () => { this._drag = null; this.show(); });
      this.get("timeline").addEventListener("mousedown", (event) => this._seek(event));
      this._document.addEventListener("keydown", (event) => this._key(event));
    }

    _apply() {
      this._bounds();
      this._desk.apply();
    }

    _bounds() {
      const { state } = this._desk;
      const tolerance = Number(this.get("tolerance").value.replace(",", "."));
      const points = Math.round(Number(this.get("points").value));
      state.tolerance = tolerance > 0 ? tolerance : 1;
      state.points = points >= 4 ? points : 0;
      this.get("tolerance").value = String(state.tolerance);
      this.get("points").value = state.points ? String(state.points) : "";
    }

    _key(event) {
      if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target && event.target.tagName)) return;
      const desk = this._desk;
      const { frame } = desk.state;
      const command = event.ctrlKey || event.metaKey;
      const keys = {
        t: () => desk.track(event.shiftKey ? "backward" : "both"),
        Escape: () => desk.stop(),
        ArrowLeft: () => desk.goTo(frame - (event.shiftKey ? 10 : 1)),
        ArrowRight: () => desk.goTo(frame + (event.shiftKey ? 10 : 1)),
        Enter: () => this._apply(),
        Delete: () => desk.clear(),
      };
      const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (command && name === "z") (event.shiftKey ? desk.redo() : desk.undo());
      else if (!command && keys[name]) keys[name]();
      else return;
      event.preventDefault();
    }

    // The picture

    /** The plate's place in the view: its left, top and the view pixels a plate pixel takes. */
    _map() {
      const { plate } = this._desk.state;
      const box = this.get("view").getBoundingClientRect();
      const aspect = plate.pixel_aspect || 1;
      const across = Math.min(box.width / (plate.width * aspect), box.height / plate.height);
      const scale = { x: across * aspect, y: across };
      return {
        scale, left: (box.width - plate.width * scale.x) / 2, top: (box.height - plate.height * scale.y) / 2, box,
        width: plate.width * scale.x, height: plate.height * scale.y,
      };
    }

    _place(event) {
      const map = this._map();
      return {
        x: (event.clientX - map.box.left - map.left) / map.scale.x, y: (event.clientY - map.box.top - map.top) / map.scale.y,
      };
    }

    _down(event) {
      if (event.button !== 0 || !this._desk.state.plate) return;
      this.get("view").focus();
      this._drag = { from: this._place(event), to: null, x: event.clientX, y: event.clientY };
      event.preventDefault();
    }

    _move(event) {
      if (!this._drag) return;
      const far = Math.abs(event.clientX - this._drag.x) + Math.abs(event.clientY - this._drag.y);
      if (this._drag.to || far > DRAG_PX) {
        this._drag.to = this._place(event);
        this.show();
      }
    }

    _up(event) {
      const drag = this._drag;
      this._drag = null;
      const { plate } = this._desk.state;
      if (!drag || !plate) return;
      if (drag.to) this._desk.box(drag.from.x, drag.from.y, drag.to.x, drag.to.y);
      else if (drag.from.x >= 0 && drag.from.y >= 0 && drag.from.x < plate.width && drag.from.y < plate.height) {
        this._desk.click(drag.from.x, drag.from.y, !event.altKey);
      }
    }

    _seek(event) {
      const { plate } = this._desk.state;
      if (!plate) return;
      const box = this.get("timeline").getBoundingClientRect();
      const { first, last } = plate.frames;
      this._desk.goTo(first + Math.floor(((event.clientX - box.left) / box.width) * (last - first + 1)));
    }

    // Showing

    show() {
      const { state } = this._desk;
      const busy = Boolean(state.work);
      const ready = state.link === "connected";
      const disable = (id, off) => { this.get(id).disabled = off; };
      disable("open", busy || !ready);
      for (const id of ["back", "both", "forward", "apply", "refine"]) disable(id, busy || !ready || !state.plate);
      disable("stop", !busy);
      disable("undo", !state.canUndo);
      disable("redo", !state.canRedo);
      disable("clear", !state.plate);
      this.get("said").textContent = busy && state.work.total
        ? `${state.work.title} ${state.work.done}/${state.work.total}` : busy ? state.work.title : state.said;
      this.get("said").className = state.isError && !busy ? "error" : "";
      this.get("done").style.width = busy && state.work.total ? `${(100 * state.work.done) / state.work.total}%` : "0";
      this.get("frame").textContent = state.plate ? `${state.frame} · ${state.plate.frames.first}–${state.plate.frames.last}` : "";
      this.get("hint").style.display = state.plate ? "none" : "";
      this._showEngines(state);
      this._showObjects(state);
      this._showPicture(state);
      this._drawOverlay(state);
      this._drawTimeline(state);
      if (!this.get("tolerance").value) this.get("tolerance").value = String(state.tolerance);
    }

    _showEngines(state) {
      const names = state.engines.filter((each) => !each.unavailable).map((each) => each.name);
      const wanted = [names.join(), state.engine].join("/");
      if (wanted === this._engines) return;
      this._engines = wanted;
      const select = this.get("engine");
      select.textContent = "";
      for (const engine of state.engines.filter((each) => !each.unavailable)) {
        const option = this._document.createElement("option");
        option.value = engine.name;
        option.textContent = engine.title || engine.name;
        option.selected = engine.name === state.engine || (!state.engine && engine.is_default);
        select.appendChild(option);
      }
    }

    _showObjects(state) {
      const list = this.get("objects");
      list.textContent = "";
      for (const object of state.objects) {
        const row = this._document.createElement("div");
        row.className = object.key === state.current ? "object current" : "object";
        const add = (kind, name, words) => {
          const part = this._document.createElement(kind);
          part.className = name;
          part.textContent = words;
          row.appendChild(part);
          return part;
        };
        const swatch = add("div", "swatch", "");
        swatch.style.backgroundColor = css(object.colour);
        add("div", "label", object.name);
        const points = object.shapes.reduce((sum, shape) => sum + shape.keyframes[0].points.length, 0);
        const frames = Object.keys(object.found).length;
        add("div", "facts", object.shapes.length
          ? `${rotolink.counted(object.shapes.length, "mask")}, ${points} points${object.stale ? " *" : ""}`
          : frames ? rotolink.counted(frames, "frame") : "");
        const eye = add("button", "eye", object.visible ? "hide" : "show");
        const bin = add("button", "bin", "✕");
        bin.title = "Delete the object";
        row.addEventListener("click", () => this._desk.select(object.key));
        eye.addEventListener("click", (event) => { event.stopPropagation(); this._desk.show(object.key, !object.visible); });
        bin.addEventListener("click", (event) => { event.stopPropagation(); this._desk.remove(object.key); });
        list.appendChild(row);
      }
    }

    _showPicture(state) {
      const image = this.get("picture");
      if (!state.plate) {
        image.style.display = "none";
        return;
      }
      const map = this._map();
      Object.assign(image.style, { left: `${map.left}px`, top: `${map.top}px`, width: `${map.width}px`, height: `${map.height}px` });
      const jpeg = this._desk.picture(LONGEST_PX);
      if (!jpeg || jpeg === this._shown) return;
      this._shown = jpeg;
      const before = this._url;
      this._url = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
      image.src = this._url;
      image.style.display = "block";
      if (before) URL.revokeObjectURL(before);
    }

    _canvas(id) {
      const canvas = this.get(id);
      const box = (id === "overlay" ? this.get("view") : canvas).getBoundingClientRect();
      const width = Math.max(1, Math.round(box.width));
      const height = Math.max(1, Math.round(box.height));
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, width, height);
      return { pen, width, height };
    }

    _drawOverlay(state) {
      const { pen } = this._canvas("overlay");
      if (!state.plate) return;
      const map = this._map();
      for (const object of state.objects) {
        if (!object.visible) continue;
        const matte = this._desk.matte(object);
        if (matte) {
          pen.globalAlpha = 0.42;
          pen.fillStyle = css(object.colour);
          for (const [x, y, w, h] of rotolink.shapes.runs(matte, map.scale)) { // whole pixels, so that rows meet without seams
            const left = Math.round(map.left + x);
            const top = Math.round(map.top + y);
            pen.fillRect(left, top, Math.round(map.left + x + w) - left, Math.round(map.top + y + h) - top);
          }
          pen.globalAlpha = 1;
        }
        this._drawPrompt(pen, map, object, object.prompts[state.frame]);
      }
      if (this._drag && this._drag.to) {
        const { from, to } = this._drag;
        pen.lineWidth = 1;
        pen.strokeStyle = "#ffffff";
        pen.strokeRect(map.left + Math.min(from.x, to.x) * map.scale.x, map.top + Math.min(from.y, to.y) * map.scale.y,
          Math.abs(to.x - from.x) * map.scale.x, Math.abs(to.y - from.y) * map.scale.y);
      }
    }

    _drawPrompt(pen, map, object, prompt) {
      if (!prompt) return;
      if (prompt.box) {
        pen.lineWidth = 1.5;
        pen.strokeStyle = css(object.colour);
        pen.strokeRect(map.left + prompt.box.x0 * map.scale.x, map.top + prompt.box.y0 * map.scale.y,
          (prompt.box.x1 - prompt.box.x0) * map.scale.x, (prompt.box.y1 - prompt.box.y0) * map.scale.y);
      }
      for (const point of prompt.points) {
        const x = map.left + point.x * map.scale.x;
        const y = map.top + point.y * map.scale.y;
        pen.beginPath();
        pen.arc(x, y, 5, 0, 2 * Math.PI);
        pen.fillStyle = point.foreground ? css(object.colour) : "#161616";
        pen.fill();
        pen.lineWidth = 1.5;
        pen.strokeStyle = "#ffffff";
        pen.stroke();
        if (!point.foreground) {
          pen.beginPath();
          pen.moveTo(x - 2.5, y);
          pen.lineTo(x + 2.5, y);
          pen.stroke();
        }
      }
    }

    _drawTimeline(state) {
      const { pen, width, height } = this._canvas("timeline");
      if (!state.plate) return;
      const { first, last } = state.plate.frames;
      const step = width / (last - first + 1);
      const at = (frame) => (frame - first) * step;
      const object = this._desk.current;
      if (object) {
        for (const frame of Object.keys(object.found).map(Number)) {
          const sure = object.found[frame];
          pen.fillStyle = sure < LOW ? "#d8793c" : css(object.colour.map((part) => part * 0.45 + 0.04));
          const tall = Math.max(2, sure * (height - 12));
          pen.fillRect(at(frame), height - tall, Math.max(step - 0.5, 0.8), tall);
        }
        pen.fillStyle = "#ffffff";
        for (const frame of Object.keys(object.prompts).map(Number)) {
          const x = at(frame) + step / 2;
          pen.beginPath();
          pen.moveTo(x - 4, 1);
          pen.lineTo(x + 4, 1);
          pen.lineTo(x, 8);
          pen.closePath();
          pen.fill();
        }
        pen.fillStyle = "#e9d35b";
        const keys = new Set(object.shapes.reduce((all, shape) => all.concat(shape.keyframes.map((key) => key.frame)), []));
        for (const frame of keys) pen.fillRect(at(frame) + step / 2 - 1, height - 6, 2.5, 6);
      }
      pen.fillStyle = "#ff5a4d";
      pen.fillRect(at(state.frame) + step / 2 - 0.75, 0, 1.5, height);
    }
  }

  function css(colour) {
    return `rgb(${colour.map((part) => Math.round(255 * part)).join(",")})`;
  }

  rotolink.View = View;
}(globalThis.Rotolink = globalThis.Rotolink || {}));

// Starts the panel where it finds itself: in UXP, in CEP, or in a browser.
(function (rotolink) {
  "use strict";

  const HTTP = "127.0.0.1:50751";

  function hostHere(document) {
    if (typeof require === "function" && !globalThis.__adobe_cep__) return new rotolink.hosts.Uxp(require);
    if (globalThis.__adobe_cep__) return new rotolink.hosts.Cep(globalThis.__adobe_cep__, globalThis.cep.fs, rotolink.hostScript);
    return new rotolink.hosts.Page(() => document.getElementById("path").value, (name, text) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      link.download = name;
      link.click();
    });
  }

  /** Where the daemon is: the page's own server, or this machine. */
  function address() {
    const { location } = globalThis;
    return location && location.protocol === "http:" ? location.host : HTTP;
  }

  function start(document) {
    let view = null;
    let due = false;
    const changed = () => {
      if (due) return;
      due = true;
      setTimeout(() => { due = false; if (view) view.show(); }, 0);
    };
    let host;
    try {
      host = hostHere(document);
    } catch (error) {
      document.getElementById("said").textContent = error.message;
      document.getElementById("said").className = "error";
      return null;
    }
    const desk = new rotolink.Desk(host, changed);
    view = new rotolink.View(document, desk, host instanceof rotolink.hosts.Page);
    desk.connect(`ws://${address()}/ws`);
    rotolink.panel = { desk, view };
    globalThis.addEventListener("resize", changed);
    return rotolink.panel;
  }

  rotolink.start = start;
  if (typeof document === "undefined") return;
  if (typeof require === "function" && !globalThis.__adobe_cep__) {
    require("uxp").entrypoints.setup({
      plugin: { create() {}, destroy() { if (rotolink.panel) rotolink.panel.desk.close(); } },
      panels: { main: { show() { if (!rotolink.panel) setTimeout(() => start(document), 0); }, hide() {}, destroy() {} } },
    });
  } else start(document);
}(globalThis.Rotolink = globalThis.Rotolink || {}));
