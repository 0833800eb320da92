# ruff: noqa: A001, D100, F821 - run this in python-fu-eval, which provides Gimp and Gio:
# PHOTO=in.jpg STYLE=painting.jpg RESULT=out.xcf gimp-console-3.0 -idf --quit \
#     --batch-interpreter=python-fu-eval -b 'exec(open("one_picture.py").read())'
import os

image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(os.environ["PHOTO"]))
image.policy_rotate(False)  # turns it upright, as its Exif data say
if image.get_base_type() != Gimp.ImageBaseType.RGB:  # then it could not take the style's colours
    image.convert_rgb()
filter = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
call = filter.create_config()
call.set_property("image", image)
call.set_core_object_array("drawables", image.get_layers()[:1])
call.set_property("style-file", Gio.File.new_for_path(os.environ["STYLE"]))
values = filter.run(call)
if values.index(0) != Gimp.PDBStatusType.SUCCESS:
    raise SystemExit(values.index(1))
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(os.environ["RESULT"]), None)
image.delete()
