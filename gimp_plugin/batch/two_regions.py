# ruff: noqa: A001, D100, F821 - run this in python-fu-eval, which provides Gimp and Gio:
# PHOTO=portrait.xcf SKY=starry.jpg COAT=klimt.jpg RESULT=out.xcf gimp-console-3.0 -idf --quit \
#     --batch-interpreter=python-fu-eval -b 'exec(open("two_regions.py").read())'
# The image has the photo at the bottom, and above it two layers with masks, or two channels, named "sky" and
# "coat". The sky keeps the photo's colours; the coat takes the painting's.
import os

image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(os.environ["PHOTO"]))
image.policy_rotate(False)  # turns it upright, as its Exif data say
filter = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
call = filter.create_config()
call.set_property("image", image)
call.set_core_object_array("drawables", image.get_layers()[-1:])
call.set_property("region-masks", ["sky", "coat"])
call.set_property("region-styles", [os.environ["SKY"], os.environ["COAT"]])
call.set_property("outside", "keep")
call.set_property("region-colors", ["luminance", "none"])
values = filter.run(call)
if values.index(0) != Gimp.PDBStatusType.SUCCESS:
    raise SystemExit(values.index(1))
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(os.environ["RESULT"]), None)
image.delete()
