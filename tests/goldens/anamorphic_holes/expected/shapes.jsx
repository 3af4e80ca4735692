// Shapes for After Effects. Open the plate's composition, select its layer, then File > Scripts > Run Script File.
(function () {
var DATA = {
"name":"sh010_bg.\u0023\u0023\u0023\u0023.exr",
"madeBy":"",
"width":2048,
"height":858,
"pixelAspect":2.0,
"frameRate":23.976,
"firstFrame":1001,
"frameCount":24,
"masks":[
{"name":"body","colour":[0.9,0.35,0.1],"cuts":false,"frames":[0,8,15,23],"shown":[[0,100]],"feather":[],"outlines":[
[1402.5,188.25,-88,4,88,-4,1577.75,331,6.5,-70,-6.5,70,1440,524.125,52,0.5,-52,-0.5,1233,340,0,66,0,-66],
[1464,176.25,-88,4,88,-4,1639.25,319,6.5,-70,-6.5,70,1501.5,512.125,52,0.5,-52,-0.5,1294.5,328,0,66,0,-66],
[1446.5,219.25,-88,4,88,-4,1621.75,362,6.5,-70,-6.5,70,1484,555.125,52,0.5,-52,-0.5,1277,371,0,66,0,-66],
[1446.5,219.25,-88,4,88,-4,1621.75,362,6.5,-70,-6.5,70,1484,555.125,52,0.5,-52,-0.5,1277,371,0,66,0,-66]]},
{"name":"body hole","colour":[1.0,1.0,1.0],"cuts":true,"frames":[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19],"shown":[[0,0],[2,100],[20,0]],"feather":[],"outlines":[
[1415,287,-20,0,20,0,1455,337,0,-22,0,22,1415,387,20,0,-20,0,1381,337,0,22,0,-22],
[1424.577,285.936,-20,0,20,0,1464.577,335.936,0,-22,0,22,1424.577,385.936,20,0,-20,0,1390.577,335.936,0,22,0,-22],
[1433.761,284.915,-20,0,20,0,1473.761,334.915,0,-22,0,22,1433.761,384.915,20,0,-20,0,1399.761,334.915,0,22,0,-22],
[1442.157,283.983,-20,0,20,0,1482.157,333.983,0,-22,0,22,1442.157,383.983,20,0,-20,0,1408.157,333.983,0,22,0,-22],
[1449.373,283.181,-20,0,20,0,1489.373,333.181,0,-22,0,22,1449.373,383.181,20,0,-20,0,1415.373,333.181,0,22,0,-22],
[1455.015,282.554,-20,0,20,0,1495.015,332.554,0,-22,0,22,1455.015,382.554,20,0,-20,0,1421.015,332.554,0,22,0,-22],
[1458.688,282.146,-20,0,20,0,1498.688,332.146,0,-22,0,22,1458.688,382.146,20,0,-20,0,1424.688,332.146,0,22,0,-22],
[1460,282,-20,0,20,0,1500,332,0,-22,0,22,1460,382,20,0,-20,0,1426,332,0,22,0,-22],
[1459.768,282.565,-20,0,20,0,1499.768,332.565,0,-22,0,22,1459.768,382.565,20,0,-20,0,1425.768,332.565,0,22,0,-22],
[1459.104,284.184,-20,0,20,0,1499.104,334.184,0,-22,0,22,1459.104,384.184,20,0,-20,0,1425.104,334.184,0,22,0,-22],
[1458.056,286.738,-20,0,20,0,1498.056,336.738,0,-22,0,22,1458.056,386.738,20,0,-20,0,1424.056,336.738,0,22,0,-22],
[1456.672,290.112,-20,0,20,0,1496.672,340.112,0,-22,0,22,1456.672,390.112,20,0,-20,0,1422.672,340.112,0,22,0,-22],
[1455,294.188,-20,0,20,0,1495,344.188,0,-22,0,22,1455,394.188,20,0,-20,0,1421,344.188,0,22,0,-22],
[1453.088,298.848,-20,0,20,0,1493.088,348.848,0,-22,0,22,1453.088,398.848,20,0,-20,0,1419.088,348.848,0,22,0,-22],
[1450.984,303.976,-20,0,20,0,1490.984,353.976,0,-22,0,22,1450.984,403.976,20,0,-20,0,1416.984,353.976,0,22,0,-22],
[1448.736,309.456,-20,0,20,0,1488.736,359.456,0,-22,0,22,1448.736,409.456,20,0,-20,0,1414.736,359.456,0,22,0,-22],
[1446.392,315.17,-20,0,20,0,1486.392,365.17,0,-22,0,22,1446.392,415.17,20,0,-20,0,1412.392,365.17,0,22,0,-22],
[1444,321,-20,0,20,0,1484,371,0,-22,0,22,1444,421,20,0,-20,0,1410,371,0,22,0,-22]]},
{"name":"tail-end","colour":[1.0,1.0,1.0],"cuts":false,"frames":[9],"shown":[[0,0],[9,100]],"feather":[],"outlines":[
[-40.5,900,0,0,10,-5,150,1000.25,-10,5,0,0,60,1100,0,0,0,0]]},
{"name":"lost hole","colour":[1.0,1.0,1.0],"cuts":true,"frames":[-21],"shown":[[0,0]],"feather":[],"outlines":[
[1400,290,-20,0,20,0,1440,340,0,-22,0,22,1400,390,20,0,-20,0,1366,340,0,22,0,-22]]}]};

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
