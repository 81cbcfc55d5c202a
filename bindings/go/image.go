package facematch

/*
#include <facematch/facematch.h>
#include <stdlib.h>
*/
import "C"

import (
	"image"
	"image/draw"
	"unsafe"
)

// Image is a photograph, upright. It never changes.
type Image struct{ h *handle }

// ImageOptions limits what is decoded.
type ImageOptions struct {
	MaxBytes  uint64 // of the file; default 64 MiB, ^uint64(0) is no limit
	MaxPixels uint64 // default 50,000,000
}

// ImageInfo is the size of an image, and the EXIF orientation that was undone.
type ImageInfo struct{ Width, Height, Orientation int }

func (o *ImageOptions) c() C.fm_image_options {
	var c C.fm_image_options
	C.fm_image_options_init(&c, C.sizeof_fm_image_options)
	if o != nil {
		c.max_bytes, c.max_pixels = C.uint64_t(o.MaxBytes), C.uint64_t(o.MaxPixels)
	}
	return c
}

func newImage(c *C.fm_image) *Image {
	return &Image{newHandle(unsafe.Pointer(c), func() { C.fm_image_free(c) })}
}

func (i *Image) handle() *handle {
	if i == nil {
		return nil
	}
	return i.h
}

func (i *Image) c() *C.fm_image { return (*C.fm_image)(i.handle().pointer()) }

// LoadImage decodes a file: JPEG, PNG, BMP, TGA, PNM or GIF.
func LoadImage(path string, options *ImageOptions) (*Image, error) {
	var s scratch
	defer s.done()
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	cpath, limits, failure := s.text(path), options.c(), noError()
	if s.err != nil {
		return nil, s.err
	}
	var out *C.fm_image
	if err := answer(C.fm_image_load_file(&out, cpath, &limits, &failure), &failure); err != nil {
		return nil, err
	}
	return newImage(out), nil
}

// DecodeImage decodes the bytes of such a file.
func DecodeImage(data []byte, options *ImageOptions) (*Image, error) {
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	limits, failure := options.c(), noError()
	var out *C.fm_image
	status := C.fm_image_load_memory(&out, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), &limits, &failure)
	if err := answer(status, &failure); err != nil {
		return nil, err
	}
	return newImage(out), nil
}

// FromImage copies a picture of Go's. Transparent pixels are laid on black. Pictures that Go's own decoders made may
// differ by a grey level from those of LoadImage, and are not turned by their EXIF orientation.
func FromImage(picture image.Image) (*Image, error) {
	if picture == nil {
		return nil, refuse("the picture is nil")
	}
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	width, height := picture.Bounds().Dx(), picture.Bounds().Dy()
	if width < 1 || height < 1 || width > 65535 || height > 65535 {
		return nil, refuse("width and height %dx%d must be 1..65,535", width, height)
	}
	size := 4 * width * height
	memory := C.malloc(C.size_t(size)) // the library keeps it, so it is not Go's
	pixels := unsafe.Slice((*byte)(memory), size)
	canvas := &image.RGBA{Pix: pixels, Stride: 4 * width, Rect: image.Rect(0, 0, width, height)}
	draw.Draw(canvas, canvas.Rect, picture, picture.Bounds().Min, draw.Src)
	failure := noError()
	var out *C.fm_image
	status := C.fm_image_from_pixels(&out, memory, C.size_t(size), C.int32_t(width), C.int32_t(height), 0,
		C.FM_PIXEL_RGBA8, &failure)
	if err := answer(status, &failure); err != nil {
		clear(pixels)
		C.free(memory)
		return nil, err
	}
	return &Image{newHandle(unsafe.Pointer(out), func() {
		C.fm_image_free(out)
		clear(unsafe.Slice((*byte)(memory), size))
		C.free(memory)
	})}, nil
}

// Close gives the pixels back, wiped.
func (i *Image) Close() error {
	i.handle().close()
	return nil
}

// Info is the image's size.
func (i *Image) Info() (ImageInfo, error) {
	taken, err := hold(i.handle())
	if err != nil {
		return ImageInfo{}, err
	}
	defer taken.release()
	info, failure := C.fm_image_info{struct_size: C.sizeof_fm_image_info}, noError()
	if err := answer(C.fm_image_describe(i.c(), &info, &failure), &failure); err != nil {
		return ImageInfo{}, err
	}
	return ImageInfo{int(info.width_px), int(info.height_px), int(info.orientation)}, nil
}

// RGB is a copy of the pixels: height rows of width times three bytes.
func (i *Image) RGB() ([]byte, error) {
	info, err := i.Info()
	if err != nil {
		return nil, err
	}
	taken, err := hold(i.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	pixels, failure := make([]byte, 3*info.Width*info.Height), noError()
	status := C.fm_image_copy_rgb(i.c(), (*C.uint8_t)(unsafe.SliceData(pixels)), C.size_t(len(pixels)), nil, &failure)
	if err := answer(status, &failure); err != nil {
		return nil, err
	}
	return pixels, nil
}

// Picture is a copy for Go's image packages.
func (i *Image) Picture() (*image.RGBA, error) {
	info, err := i.Info()
	if err != nil {
		return nil, err
	}
	pixels, err := i.RGB()
	if err != nil {
		return nil, err
	}
	picture := image.NewRGBA(image.Rect(0, 0, info.Width, info.Height))
	for p := range len(pixels) / 3 {
		copy(picture.Pix[4*p:], pixels[3*p:3*p+3])
		picture.Pix[4*p+3] = 255
	}
	return picture, nil
}

// Save writes a PNG or JPEG, by the path's ending. The file appears whole or not at all.
func (i *Image) Save(path string) error {
	var s scratch
	defer s.done()
	taken, err := hold(i.handle())
	if err != nil {
		return err
	}
	defer taken.release()
	cpath, failure := s.text(path), noError()
	if s.err != nil {
		return s.err
	}
	return answer(C.fm_image_save_file(i.c(), cpath, &failure), &failure)
}

// Draw makes a copy with the faces' boxes and points drawn into it; the first has another colour.
func (i *Image) Draw(faces []Face) (*Image, error) {
	taken, err := hold(i.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	failure := noError()
	var out *C.fm_image
	status := C.fm_image_draw_faces(&out, i.c(), (*C.fm_face)(unsafe.Pointer(unsafe.SliceData(faces))),
		C.size_t(len(faces)), &failure)
	if err := answer(status, &failure); err != nil {
		return nil, err
	}
	return newImage(out), nil
}
