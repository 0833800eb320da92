; gimp-console-3.0 -idf --quit --batch-interpreter=plug-in-script-fu-eval -b "$(cat one_picture.scm)"
(script-fu-use-v3)
(let* ((image (gimp-file-load RUN-NONINTERACTIVE "photo.jpg"))
       (layer (vector-ref (gimp-image-get-layers image) 0)))
  (gimp-image-policy-rotate image FALSE) ; turns it upright, as its Exif data say
  (if (not (= (gimp-image-get-base-type image) RGB)) ; then it could not take the style's colours
      (gimp-image-convert-rgb image))
  (plug-in-neural-style #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector layer)
                        #:style-file "painting.jpg" #:quality "draft" #:strength 70)
  (gimp-file-save RUN-NONINTERACTIVE image "result.xcf" -1)
  (gimp-image-delete image))
