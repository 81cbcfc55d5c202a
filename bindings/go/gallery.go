package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import (
	"iter"
	"math"
	"time"
	"unsafe"
)

// Gallery is the people that an application knows, in a file or on a PostgreSQL server, pinned to one model. What a
// call has acknowledged survives a crash.
type Gallery struct{ h *handle }

// GalleryOptions tells how a gallery is opened.
type GalleryOptions struct {
	Mode    GalleryMode
	Timeout time.Duration // of waiting for another process and for a server; default 5 s
	Threads int           // cores that one search may use; default 1
	Index   Index
	Key     *Key // of a sealed gallery; one that is made is sealed with it
}

// GalleryInfo is what a gallery says about itself.
type GalleryInfo struct {
	Dim                   int
	Identities, Templates int64
	Created               time.Time
	ModelID, ModelName    string
	Sealed                bool
}

// Identity is one person.
type Identity struct {
	ID, DisplayName  string
	Created, Updated time.Time
	Templates        int
}

// Template is one photograph of a person, without its vector.
type Template struct {
	ID      int64
	Created time.Time
	Quality float32 // NaN when none is known
	Label   string
}

func (o *GalleryOptions) c(s *scratch) C.fm_gallery_options {
	var c C.fm_gallery_options
	C.fm_gallery_options_init(&c, C.sizeof_fm_gallery_options)
	if o != nil {
		c.mode, c.index = C.fm_gallery_mode(o.Mode), C.fm_gallery_index(o.Index)
		c.timeout_ms = C.int32_t(min(o.Timeout.Milliseconds(), math.MaxInt32))
		c.threads = s.number(o.Threads, "threads")
	}
	return c
}

// OpenGallery opens a gallery, or makes one: of a path, or a postgresql:// URI. Without a model an existing one is
// opened for management only.
func OpenGallery(uri string, model *Model, options *GalleryOptions) (*Gallery, error) {
	var s scratch
	defer s.done()
	taken, err := hold(model.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	given := pinned(&s, new(C.fm_gallery_options))
	*given = options.c(&s)
	var key *Key
	if options != nil {
		key = options.Key
	}
	ckey, keyDone := key.c(&s)
	given.key = ckey
	curi, failure := s.text(uri), noError()
	if s.err != nil {
		_ = keyDone()
		return nil, s.err
	}
	var out *C.fm_gallery
	err = answer(C.fm_gallery_open(&out, curi, model.c(), given, &failure), &failure)
	if cause := keyDone(); err != nil {
		return nil, caused(err, cause)
	}
	return &Gallery{newHandle(unsafe.Pointer(out), func() { C.fm_gallery_close(out) })}, nil
}

func (g *Gallery) handle() *handle {
	if g == nil {
		return nil
	}
	return g.h
}

func (g *Gallery) c() *C.fm_gallery { return (*C.fm_gallery)(g.handle().pointer()) }

// Close closes the gallery.
func (g *Gallery) Close() error {
	g.handle().close()
	return nil
}

// Info is what the gallery says about itself.
func (g *Gallery) Info() (GalleryInfo, error) {
	taken, err := hold(g.handle())
	if err != nil {
		return GalleryInfo{}, err
	}
	defer taken.release()
	i, failure := C.fm_gallery_info{struct_size: C.sizeof_fm_gallery_info}, noError()
	if err := answer(C.fm_gallery_describe(g.c(), &i, &failure), &failure); err != nil {
		return GalleryInfo{}, err
	}
	return GalleryInfo{
		int(i.dim), int64(i.identities), int64(i.templates), time.UnixMilli(int64(i.created_ms)),
		C.GoString(&i.model_id[0]), C.GoString(&i.model_name[0]), i.sealed != 0,
	}, nil
}

// Count tells how many people and templates there are.
func (g *Gallery) Count() (identities, templates int, err error) {
	taken, err := hold(g.handle())
	if err != nil {
		return 0, 0, err
	}
	defer taken.release()
	var people, all C.size_t
	failure := noError()
	err = answer(C.fm_gallery_count(g.c(), &people, &all, &failure), &failure)
	return int(people), int(all), err
}

// about is a call about one identity.
func (g *Gallery) about(id string, call func(id *C.char, failure *C.fm_error) C.fm_status) error {
	var s scratch
	defer s.done()
	taken, err := hold(g.handle())
	if err != nil {
		return err
	}
	defer taken.release()
	cid, failure := s.text(id), noError()
	if s.err != nil {
		return s.err
	}
	return answer(call(cid, &failure), &failure)
}

func identityOf(i *C.fm_identity) Identity {
	return Identity{
		C.GoString(&i.id[0]), C.GoString(&i.display_name[0]), time.UnixMilli(int64(i.created_ms)),
		time.UnixMilli(int64(i.updated_ms)), int(i.templates),
	}
}

// Get looks an identity up.
func (g *Gallery) Get(id string) (Identity, error) {
	var out C.fm_identity
	err := g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_gallery_get(g.c(), id, &out, failure)
	})
	return identityOf(&out), err
}

// Metadata is the identity's JSON object, as text.
func (g *Gallery) Metadata(id string) (string, error) {
	return growing(1024, func(out *buffer) error {
		return g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
			return C.fm_gallery_get_metadata(g.c(), id, out.c(), out.size(), &out.needed, failure)
		})
	})
}

// Templates are the identity's, oldest first.
func (g *Gallery) Templates(id string) ([]Template, error) {
	var out [C.FM_LIMIT_TEMPLATES]C.fm_template
	var count C.size_t
	err := g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_gallery_get_templates(g.c(), id, &out[0], C.size_t(len(out)), &count, failure)
	})
	if err != nil {
		return nil, err
	}
	templates := make([]Template, count)
	for i := range templates {
		t := &out[i]
		templates[i] = Template{
			int64(t.template_id), time.UnixMilli(int64(t.created_ms)), float32(t.quality), C.GoString(&t.label[0]),
		}
	}
	return templates, nil
}

// Embedding is the vector of one template.
func (g *Gallery) Embedding(id string, template int64) ([]float32, error) {
	info, err := g.Info()
	if err != nil {
		return nil, err
	}
	vector := make([]float32, info.Dim)
	err = g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_gallery_get_embedding(g.c(), id, C.int64_t(template), floatsOf(vector), C.size_t(len(vector)), failure)
	})
	if err != nil {
		return nil, err
	}
	return vector, nil
}

// Remove removes an identity with all its templates, for good, and tells how many there were.
func (g *Gallery) Remove(id string) (int, error) {
	var removed C.size_t
	err := g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_gallery_remove(g.c(), id, &removed, failure)
	})
	return int(removed), err
}

// RemoveTemplate removes one template; the identity stays.
func (g *Gallery) RemoveTemplate(id string, template int64) error {
	return g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_gallery_remove_template(g.c(), id, C.int64_t(template), failure)
	})
}

const pageSize = 256

// All goes over the identities in the order of their ids' bytes. It reads them a page at a time and holds no lock in
// between: the body of the loop may use the gallery. After an error it ends.
func (g *Gallery) All() iter.Seq2[Identity, error] {
	return func(yield func(Identity, error) bool) {
		page := make([]C.fm_identity, pageSize)
		for after := ""; ; {
			var count C.size_t
			err := g.about(after, func(after *C.char, failure *C.fm_error) C.fm_status {
				return C.fm_gallery_list(g.c(), after, &page[0], pageSize, &count, failure)
			})
			if err != nil {
				yield(Identity{}, err)
				return
			}
			for i := range page[:count] {
				identity := identityOf(&page[i])
				after = identity.ID
				if !yield(identity, nil) {
					return
				}
			}
			if count < pageSize {
				return
			}
		}
	}
}

// Recall measures approximate search against exact search; see fm_gallery_recall.
func (g *Gallery) Recall(samples, k int) (float64, error) {
	if samples < 0 || k < 0 {
		return 0, refuse("samples %d and k %d must be positive", samples, k)
	}
	taken, err := hold(g.handle())
	if err != nil {
		return 0, err
	}
	defer taken.release()
	var recall C.double
	failure := noError()
	err = answer(C.fm_gallery_recall(g.c(), C.size_t(samples), C.size_t(k), &recall, &failure), &failure)
	return float64(recall), err
}
