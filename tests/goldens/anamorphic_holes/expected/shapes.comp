Composition {
	CurrentTime = 1001,
	RenderRange = { 1001, 1024 },
	GlobalRange = { 1001, 1024 },
	HiQ = true,
	SavedOutputs = 0,
	HeldTools = 0,
	DisabledTools = 0,
	LockedTools = 0,
	AudioOffset = 0,
	Resumable = true,
	OutputClips = { },
	Tools = ordered() {
		body = PolylineMask {
			DrawMode = "ModifyOnly",
			DrawMode2 = "InsertAndModify",
			CtrlWZoom = false,
			NameSet = true,
			CustomData = {
				Rotolink = {
					Name = "body",
					Colour = { 0.9, 0.35, 0.1 },
					First = 1001,
					Frames = { 1001, 1024 },
					Rate = 23.976,
					Plate = "sh010_bg.####.exr"
				}
			},
			Inputs = {
				Filter = Input { Value = FuID { "Fast Gaussian" } },
				Solid = Input { Value = 1 },
				Level = Input { Value = 1 },
				MaskWidth = Input { Value = 2048 },
				MaskHeight = Input { Value = 858 },
				PixelAspect = Input { Value = { 2, 1 } },
				UseFrameFormatSettings = Input { Value = 0 },
				ClippingMode = Input { Value = FuID { "None" } },
				Polyline = Input { SourceOp = "bodyPolyline", Source = "Value" },
				Polyline2 = Input { Value = Polyline { }, Disabled = true }
			},
			ViewInfo = OperatorInfo { Pos = { 0, 0 } }
		},
		bodyPolyline = BezierSpline {
			SplineColor = { Red = 230, Green = 89, Blue = 26 },
			NameSet = true,
			CtrlWZoom = false,
			KeyFrames = {
				[1001] = {
					0,
					RH = { 1003.66666666667, 0.333333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.184814453125, Y = 0.280594405594406, LX = -0.04296875, LY = -0.00466200466200466, RX = 0.04296875, RY = 0.00466200466200466 },
							{ X = 0.2703857421875, Y = 0.114219114219114, LX = 0.003173828125, LY = 0.0815850815850816, RX = -0.003173828125, RY = -0.0815850815850816 },
							{ X = 0.203125, Y = -0.110868298368298, LX = 0.025390625, LY = -0.000582750582750583, RX = -0.025390625, RY = 0.000582750582750583 },
							{ X = 0.10205078125, Y = 0.103729603729604, LX = 0, LY = -0.0769230769230769, RX = 0, RY = 0.0769230769230769 } } }
				},
				[1009] = {
					1,
					LH = { 1006.33333333333, 0.666666666666667 },
					RH = { 1011.33333333333, 1.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.21484375, Y = 0.29458041958042, LX = -0.04296875, LY = -0.00466200466200466, RX = 0.04296875, RY = 0.00466200466200466 },
							{ X = 0.3004150390625, Y = 0.128205128205128, LX = 0.003173828125, LY = 0.0815850815850816, RX = -0.003173828125, RY = -0.0815850815850816 },
							{ X = 0.233154296875, Y = -0.0968822843822844, LX = 0.025390625, LY = -0.000582750582750583, RX = -0.025390625, RY = 0.000582750582750583 },
							{ X = 0.132080078125, Y = 0.117715617715618, LX = 0, LY = -0.0769230769230769, RX = 0, RY = 0.0769230769230769 } } }
				},
				[1016] = {
					2,
					LH = { 1013.66666666667, 1.66666666666667 },
					RH = { 1018.66666666667, 2.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.206298828125, Y = 0.244463869463869, LX = -0.04296875, LY = -0.00466200466200466, RX = 0.04296875, RY = 0.00466200466200466 },
							{ X = 0.2918701171875, Y = 0.0780885780885781, LX = 0.003173828125, LY = 0.0815850815850816, RX = -0.003173828125, RY = -0.0815850815850816 },
							{ X = 0.224609375, Y = -0.146998834498835, LX = 0.025390625, LY = -0.000582750582750583, RX = -0.025390625, RY = 0.000582750582750583 },
							{ X = 0.12353515625, Y = 0.0675990675990676, LX = 0, LY = -0.0769230769230769, RX = 0, RY = 0.0769230769230769 } } }
				},
				[1024] = {
					3,
					LH = { 1021.33333333333, 2.66666666666667 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.206298828125, Y = 0.244463869463869, LX = -0.04296875, LY = -0.00466200466200466, RX = 0.04296875, RY = 0.00466200466200466 },
							{ X = 0.2918701171875, Y = 0.0780885780885781, LX = 0.003173828125, LY = 0.0815850815850816, RX = -0.003173828125, RY = -0.0815850815850816 },
							{ X = 0.224609375, Y = -0.146998834498835, LX = 0.025390625, LY = -0.000582750582750583, RX = -0.025390625, RY = 0.000582750582750583 },
							{ X = 0.12353515625, Y = 0.0675990675990676, LX = 0, LY = -0.0769230769230769, RX = 0, RY = 0.0769230769230769 } } }
				}
			}
		},
		body_hole = PolylineMask {
			DrawMode = "ModifyOnly",
			DrawMode2 = "InsertAndModify",
			CtrlWZoom = false,
			NameSet = true,
			CustomData = {
				Rotolink = {
					Name = "body hole",
					Colour = { 1, 1, 1 },
					First = 1003,
					Frames = { 1001, 1024 },
					Rate = 23.976,
					Plate = "sh010_bg.####.exr"
				}
			},
			Inputs = {
				Filter = Input { Value = FuID { "Fast Gaussian" } },
				Solid = Input { Value = 1 },
				Level = Input { SourceOp = "body_holeLevel", Source = "Value" },
				MaskWidth = Input { Value = 2048 },
				MaskHeight = Input { Value = 858 },
				PixelAspect = Input { Value = { 2, 1 } },
				UseFrameFormatSettings = Input { Value = 0 },
				ClippingMode = Input { Value = FuID { "None" } },
				EffectMask = Input { SourceOp = "body", Source = "Mask" },
				PaintMode = Input { Value = FuID { "Subtract" } },
				Polyline = Input { SourceOp = "body_holePolyline", Source = "Value" },
				Polyline2 = Input { Value = Polyline { }, Disabled = true }
			},
			ViewInfo = OperatorInfo { Pos = { 110, 0 } }
		},
		body_holePolyline = BezierSpline {
			SplineColor = { Red = 255, Green = 255, Blue = 255 },
			NameSet = true,
			CtrlWZoom = false,
			KeyFrames = {
				[1003] = {
					0,
					RH = { 1003.33333333333, 0.333333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.19091796875, Y = 0.165501165501166, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.21044921875, Y = 0.107226107226107, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.19091796875, Y = 0.048951048951049, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.17431640625, Y = 0.107226107226107, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1004] = {
					1,
					LH = { 1003.66666666667, 0.666666666666667 },
					RH = { 1004.33333333333, 1.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.195594364978134, Y = 0.166741421843463, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.215125614978134, Y = 0.108466363568404, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.195594364978134, Y = 0.0501913052933461, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.178992802478134, Y = 0.108466363568404, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1005] = {
					2,
					LH = { 1004.66666666667, 1.66666666666667 },
					RH = { 1005.33333333333, 2.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.200078580539359, Y = 0.167930708747035, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.219609830539359, Y = 0.109655650471977, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.200078580539359, Y = 0.0513805921969188, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.183477018039359, Y = 0.109655650471977, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1006] = {
					3,
					LH = { 1005.66666666667, 2.66666666666667 },
					RH = { 1006.33333333333, 3.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.204178434766764, Y = 0.169018056773159, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.223709684766764, Y = 0.110742998498101, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.204178434766764, Y = 0.0524679402230422, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.187576872266764, Y = 0.110742998498101, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1007] = {
					4,
					LH = { 1006.66666666667, 3.66666666666667 },
					RH = { 1007.33333333333, 4.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.20770174699344, Y = 0.169952496483109, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.22723299699344, Y = 0.11167743820805, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.20770174699344, Y = 0.0534023799329921, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.19110018449344, Y = 0.11167743820805, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1008] = {
					5,
					LH = { 1007.66666666667, 4.66666666666667 },
					RH = { 1008.33333333333, 5.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.210456336552478, Y = 0.17068305843816, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.229987586552478, Y = 0.112408000163102, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.210456336552478, Y = 0.0541329418880439, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.193854774052478, Y = 0.112408000163102, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1009] = {
					6,
					LH = { 1008.66666666667, 5.66666666666667 },
					RH = { 1009.33333333333, 6.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.212250022776968, Y = 0.171158773199589, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.231781272776968, Y = 0.112883714924531, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.212250022776968, Y = 0.054608656649473, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.195648460276968, Y = 0.112883714924531, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1010] = {
					7,
					LH = { 1009.66666666667, 6.66666666666667 },
					RH = { 1010.33333333333, 7.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.212890625, Y = 0.171328671328671, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.232421875, Y = 0.113053613053613, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.212890625, Y = 0.0547785547785548, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1962890625, Y = 0.113053613053613, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1011] = {
					8,
					LH = { 1010.66666666667, 7.66666666666667 },
					RH = { 1011.33333333333, 8.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.21277734375, Y = 0.17066958041958, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.23230859375, Y = 0.112394522144522, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.21277734375, Y = 0.0541194638694639, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.19617578125, Y = 0.112394522144522, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1012] = {
					9,
					LH = { 1011.66666666667, 8.66666666666667 },
					RH = { 1012.33333333333, 9.33333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.212453125, Y = 0.168783216783217, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.231984375, Y = 0.110508158508158, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.212453125, Y = 0.0522331002331002, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1958515625, Y = 0.110508158508158, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1013] = {
					10,
					LH = { 1012.66666666667, 9.66666666666667 },
					RH = { 1013.33333333333, 10.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.21194140625, Y = 0.165805944055944, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.23147265625, Y = 0.107530885780886, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.21194140625, Y = 0.0492558275058275, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.19533984375, Y = 0.107530885780886, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1014] = {
					11,
					LH = { 1013.66666666667, 10.6666666666667 },
					RH = { 1014.33333333333, 11.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.211265625, Y = 0.161874125874126, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.230796875, Y = 0.103599067599068, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.211265625, Y = 0.0453240093240093, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1946640625, Y = 0.103599067599068, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1015] = {
					12,
					LH = { 1014.66666666667, 11.6666666666667 },
					RH = { 1015.33333333333, 12.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.21044921875, Y = 0.157124125874126, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.22998046875, Y = 0.0988490675990676, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.21044921875, Y = 0.0405740093240093, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.19384765625, Y = 0.0988490675990676, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1016] = {
					13,
					LH = { 1015.66666666667, 12.6666666666667 },
					RH = { 1016.33333333333, 13.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.209515625, Y = 0.151692307692308, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.229046875, Y = 0.0934172494172495, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.209515625, Y = 0.0351421911421912, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1929140625, Y = 0.0934172494172495, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1017] = {
					14,
					LH = { 1016.66666666667, 13.6666666666667 },
					RH = { 1017.33333333333, 14.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.20848828125, Y = 0.145715034965035, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.22801953125, Y = 0.0874399766899767, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.20848828125, Y = 0.0291649184149184, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.19188671875, Y = 0.0874399766899767, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1018] = {
					15,
					LH = { 1017.66666666667, 14.6666666666667 },
					RH = { 1018.33333333333, 15.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.207390625, Y = 0.139328671328671, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.226921875, Y = 0.081053613053613, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.207390625, Y = 0.0227785547785548, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1907890625, Y = 0.081053613053613, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1019] = {
					16,
					LH = { 1018.66666666667, 15.6666666666667 },
					RH = { 1019.33333333333, 16.3333333333333 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.20624609375, Y = 0.13266958041958, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.22577734375, Y = 0.0743945221445221, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.20624609375, Y = 0.0161194638694638, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.18964453125, Y = 0.0743945221445221, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				},
				[1020] = {
					17,
					LH = { 1019.66666666667, 16.6666666666667 },
					Flags = { Linear = true, LockedY = true },
					Value = Polyline { Closed = true, Points = {
							{ X = 0.205078125, Y = 0.125874125874126, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.224609375, Y = 0.0675990675990676, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.205078125, Y = 0.00932400932400934, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1884765625, Y = 0.0675990675990676, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } }
				}
			}
		},
		body_holeLevel = BezierSpline {
			SplineColor = { Red = 204, Green = 0, Blue = 0 },
			NameSet = true,
			CtrlWZoom = false,
			KeyFrames = {
				[1001] = {
					0,
					Flags = { StepIn = true, LockedY = true }
				},
				[1003] = {
					1,
					Flags = { StepIn = true, LockedY = true }
				},
				[1021] = {
					0,
					Flags = { StepIn = true, LockedY = true }
				}
			}
		},
		tail_end = PolylineMask {
			DrawMode = "ModifyOnly",
			DrawMode2 = "InsertAndModify",
			CtrlWZoom = false,
			NameSet = true,
			CustomData = {
				Rotolink = {
					Name = "tail-end",
					Colour = { 1, 1, 1 },
					First = 1010,
					Frames = { 1001, 1024 },
					Rate = 23.976,
					Plate = "sh010_bg.####.exr"
				}
			},
			Inputs = {
				Filter = Input { Value = FuID { "Fast Gaussian" } },
				Solid = Input { Value = 1 },
				Level = Input { SourceOp = "tail_endLevel", Source = "Value" },
				MaskWidth = Input { Value = 2048 },
				MaskHeight = Input { Value = 858 },
				PixelAspect = Input { Value = { 2, 1 } },
				UseFrameFormatSettings = Input { Value = 0 },
				ClippingMode = Input { Value = FuID { "None" } },
				EffectMask = Input { SourceOp = "body_hole", Source = "Mask" },
				Polyline = Input { Value = Polyline { Closed = true, Points = {
							{ X = -0.519775390625, Y = -0.548951048951049, LX = 0, LY = 0, RX = 0.0048828125, RY = 0.00582750582750583 },
							{ X = -0.4267578125, Y = -0.665792540792541, LX = -0.0048828125, LY = -0.00582750582750583, RX = 0, RY = 0 },
							{ X = -0.470703125, Y = -0.782051282051282, LX = 0, LY = 0, RX = 0, RY = 0 } } } },
				Polyline2 = Input { Value = Polyline { }, Disabled = true }
			},
			ViewInfo = OperatorInfo { Pos = { 220, 0 } }
		},
		tail_endLevel = BezierSpline {
			SplineColor = { Red = 204, Green = 0, Blue = 0 },
			NameSet = true,
			CtrlWZoom = false,
			KeyFrames = {
				[1001] = {
					0,
					Flags = { StepIn = true, LockedY = true }
				},
				[1010] = {
					1,
					Flags = { StepIn = true, LockedY = true }
				}
			}
		},
		lost_hole = PolylineMask {
			DrawMode = "ModifyOnly",
			DrawMode2 = "InsertAndModify",
			CtrlWZoom = false,
			NameSet = true,
			CustomData = {
				Rotolink = {
					Name = "lost hole",
					Colour = { 1, 1, 1 },
					First = 980,
					Frames = { 1001, 1024 },
					Rate = 23.976,
					Plate = "sh010_bg.####.exr"
				}
			},
			Inputs = {
				Filter = Input { Value = FuID { "Fast Gaussian" } },
				Solid = Input { Value = 1 },
				Level = Input { Value = 0 },
				MaskWidth = Input { Value = 2048 },
				MaskHeight = Input { Value = 858 },
				PixelAspect = Input { Value = { 2, 1 } },
				UseFrameFormatSettings = Input { Value = 0 },
				ClippingMode = Input { Value = FuID { "None" } },
				EffectMask = Input { SourceOp = "tail_end", Source = "Mask" },
				PaintMode = Input { Value = FuID { "Subtract" } },
				Polyline = Input { Value = Polyline { Closed = true, Points = {
							{ X = 0.18359375, Y = 0.162004662004662, LX = -0.009765625, LY = 0, RX = 0.009765625, RY = 0 },
							{ X = 0.203125, Y = 0.103729603729604, LX = 0, LY = 0.0256410256410256, RX = 0, RY = -0.0256410256410256 },
							{ X = 0.18359375, Y = 0.0454545454545455, LX = 0.009765625, LY = 0, RX = -0.009765625, RY = 0 },
							{ X = 0.1669921875, Y = 0.103729603729604, LX = 0, LY = -0.0256410256410256, RX = 0, RY = 0.0256410256410256 } } } },
				Polyline2 = Input { Value = Polyline { }, Disabled = true }
			},
			ViewInfo = OperatorInfo { Pos = { 330, 0 } }
		}
	},
	Prefs = { Comp = { FrameFormat = { Width = 2048, Height = 858, AspectX = 2, AspectY = 1, Rate = 23.976 } } }
}
