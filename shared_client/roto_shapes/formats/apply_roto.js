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
