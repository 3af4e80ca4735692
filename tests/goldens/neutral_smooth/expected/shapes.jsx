// Shapes for After Effects. Open the plate's composition, select its layer, then File > Scripts > Run Script File.
(function () {
var DATA = {
"name":"plate",
"madeBy":"",
"width":854,
"height":480,
"pixelAspect":1.0,
"frameRate":24.0,
"firstFrame":0,
"frameCount":31,
"masks":[
{"name":"bottom","colour":[1.0,1.0,1.0],"cuts":false,"frames":[0,30],"shown":[[0,100]],"feather":[],"outlines":[
[310,110,0,0,20,0,430,119.5,-20,0,0,0,374,240,15,0,-15,0],
[410,160,0,0,20,0,530,169.5,-20,0,0,0,474,290,15,0,-15,0]]},
{"name":"top","colour":[1.0,1.0,1.0],"cuts":false,"frames":[0,1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,27,29,30],"shown":[[0,100]],"feather":[],"outlines":[
[300,100,0,0,20,0,420,109.5,-20,0,0,0,364,230,15,0,-15,0],
[312.63,104.11,0,0,20,0,432.63,113.61,-20,0,0,0,376.63,234.11,15,0,-15,0],
[326.24,108.391,0,0,20,0,446.24,117.891,-20,0,0,0,390.24,238.391,15,0,-15,0],
[354.72,117.173,0,0,20,0,474.72,126.673,-20,0,0,0,418.72,247.173,15,0,-15,0],
[368.75,121.528,0,0,20,0,488.75,131.028,-20,0,0,0,432.75,251.528,15,0,-15,0],
[382.08,125.76,0,0,20,0,502.08,135.26,-20,0,0,0,446.08,255.76,15,0,-15,0],
[394.29,129.797,0,0,20,0,514.29,139.297,-20,0,0,0,458.29,259.797,15,0,-15,0],
[404.96,133.564,0,0,20,0,524.96,143.064,-20,0,0,0,468.96,263.564,15,0,-15,0],
[413.67,136.99,0,0,20,0,533.67,146.49,-20,0,0,0,477.67,266.99,15,0,-15,0],
[420,140,0,0,20,0,540,149.5,-20,0,0,0,484,270,15,0,-15,0],
[422.676,142.502,0,0,20,0,542.676,152.002,-20,0,0,0,486.676,272.502,15,0,-15,0],
[421.406,144.5,0,0,20,0,541.406,154,-20,0,0,0,485.406,274.5,15,0,-15,0],
[417.246,146.068,0,0,20,0,537.246,155.568,-20,0,0,0,481.246,276.068,15,0,-15,0],
[411.25,147.278,0,0,20,0,531.25,156.778,-20,0,0,0,475.25,277.278,15,0,-15,0],
[404.473,148.203,0,0,20,0,524.473,157.703,-20,0,0,0,468.473,278.203,15,0,-15,0],
[397.969,148.917,0,0,20,0,517.969,158.417,-20,0,0,0,461.969,278.917,15,0,-15,0],
[392.793,149.491,0,0,20,0,512.793,158.991,-20,0,0,0,456.793,279.491,15,0,-15,0],
[390,150,0,0,20,0,510,159.5,-20,0,0,0,454,280,15,0,-15,0],
[389.016,150.42,0,0,20,0,509.016,159.92,-20,0,0,0,453.016,280.42,15,0,-15,0],
[388.519,150.694,0,0,20,0,508.519,160.194,-20,0,0,0,452.519,280.694,15,0,-15,0],
[388.438,150.844,0,0,20,0,508.438,160.344,-20,0,0,0,452.438,280.844,15,0,-15,0],
[388.704,150.889,0,0,20,0,508.704,160.389,-20,0,0,0,452.704,280.889,15,0,-15,0],
[389.277,150.85,0,0,20,0,509.277,160.35,-20,0,0,0,453.277,280.85,15,0,-15,0],
[390,150.75,0,0,20,0,510,160.25,-20,0,0,0,454,280.75,15,0,-15,0],
[392.812,150.281,0,0,20,0,512.812,159.781,-20,0,0,0,456.812,280.281,15,0,-15,0],
[394.456,150.038,0,0,20,0,514.456,159.538,-20,0,0,0,458.456,280.038,15,0,-15,0],
[395,150,0,0,20,0,515,159.5,-20,0,0,0,459,280,15,0,-15,0]]}]};

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

var env = {
    app: app,
    Shape: Shape,
    MaskMode: MaskMode,
    KeyframeInterpolationType: KeyframeInterpolationType,
    MaskFeatherFalloff: MaskFeatherFalloff,
    TrackMatteType: typeof TrackMatteType === "undefined" ? null : TrackMatteType,
    layer: null,
    isComp: function (item) { return item instanceof CompItem; },
    confirm: function (question) { return confirm(question); }
};
try {
    var done = applyRoto(env, DATA);
    if (done.notes.length) {
        alert(done.notes.join("\n"));
    }
} catch (error) {
    alert(error.message || String(error));
}
}());
