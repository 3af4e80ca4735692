"""The Rotolink daemon: plates in, clicks in; masks, mattes and animated shapes out."""
