/* Galleries: the people an application knows, and who of them is in a photograph.
 *
 *     fm_gallery *gallery = NULL;
 *     if (fm_gallery_open(&gallery, "people.fmg", embedder, NULL, &err) != FM_OK) ...
 *     fm_gallery_enroll(gallery, session, "anna", photo, NULL, NULL, &err);
 *
 * A gallery is pinned to the model it was made with and refuses any other. It
 * is synchronised inside: searches run in parallel (on a server one after the
 * other for each handle), writes exclude each other.
 * What a call has acknowledged survives a crash of the process and of the machine.
 */
#ifndef FACEMATCH_GALLERY_H
#define FACEMATCH_GALLERY_H

#include "compare.h"
#include "quality.h"

#ifdef __cplusplus
extern "C" {
#endif

/** People and their templates. Opaque; close with fm_gallery_close. */
typedef struct fm_gallery fm_gallery;

#define FM_ID_MAX           255   /**< bytes of an identity's id, 1..FM_ID_MAX, UTF-8 */
#define FM_DISPLAY_NAME_MAX 255   /**< bytes of a display name, UTF-8 */
#define FM_LABEL_MAX        63    /**< bytes of a template's label, UTF-8 */
#define FM_METADATA_MAX     65536 /**< bytes of an identity's metadata, one JSON object */
#define FM_LIMIT_TEMPLATES  64    /**< templates of one identity */
#define FM_LIMIT_MATCHES    1000  /**< identities told per query */
#define FM_GALLERY_KEY_SIZE 32    /**< bytes of a key */
#define FM_PASSPHRASE_MAX   1024  /**< bytes of a passphrase */

/** What a gallery is opened for. */
typedef int32_t fm_gallery_mode;
enum {
    FM_GALLERY_CREATE = 1,   /**< open for writing; made if it does not exist; the default */
    FM_GALLERY_EXISTING = 2, /**< open for writing; FM_E_NOT_FOUND if it does not exist */
    FM_GALLERY_READ_ONLY = 3 /**< writes are refused with FM_E_PERMISSION */
};

/** How a gallery is searched. */
typedef int32_t fm_gallery_index;
enum {
    FM_INDEX_EXACT = 0, /**< nobody is missed: the default */
    FM_INDEX_HNSW = 1   /**< faster from some 100,000 templates on, and can miss somebody; a graph is
                             built in memory when the gallery is opened. docs/search.md has figures,
                             fm_gallery_recall measures. On a server the graph is there, and is made
                             when it is first opened for writing. Galleries below 50,000 templates, and
                             searches under FM_SCORE_MEAN, are searched as by FM_INDEX_EXACT */
};

/** Gives the key of a gallery, from a key ring, a device or a person.
 *
 * @param[in]  user  as given in fm_gallery_key.
 * @param[out] key   uint8[FM_GALLERY_KEY_SIZE]; wiped by the library after use.
 * @return FM_OK, or the status that the call is to fail with.
 * Threads: the calling thread; it must not use the gallery. */
typedef fm_status (*fm_key_fn)(void *user, uint8_t key[FM_GALLERY_KEY_SIZE]);

/** The key of a sealed gallery: exactly one of bytes, passphrase and callback is given. All is
 * borrowed during the call; the library wipes its copies. docs/sealed-galleries.md. */
typedef struct fm_gallery_key {
    uint32_t struct_size;   /**< sizeof(fm_gallery_key), set by fm_gallery_key_init */
    int32_t reserved;       /**< 0 */
    const uint8_t *bytes;   /**< uint8[size], random; or NULL */
    size_t size;            /**< FM_GALLERY_KEY_SIZE with bytes, else 0 */
    const char *passphrase; /**< 1..FM_PASSPHRASE_MAX bytes, used as they are; or NULL */
    fm_key_fn callback;     /**< asked at least once; or NULL */
    void *user;             /**< passed to callback */
    /* --- 0.1 ends here, append below --- */
} fm_gallery_key;

/** Options of fm_gallery_open. Zero means default everywhere. */
typedef struct fm_gallery_options {
    uint32_t struct_size; /**< sizeof(fm_gallery_options), set by fm_gallery_options_init */
    fm_gallery_mode mode; /**< default FM_GALLERY_CREATE */
    int32_t timeout_ms;   /**< how long to wait for another process's write, and for a server; default
                               5,000 */
    int32_t threads;      /**< cores that one search may use, 1..256; default 1. The answers are
                               the same whatever their number */
    fm_gallery_index index; /**< default FM_INDEX_EXACT */
    int32_t reserved;     /**< 0 */
    const fm_gallery_key *key; /**< of a sealed gallery; one that is made is sealed with it */
    /* --- 0.1 ends here, append below --- */
} fm_gallery_options;

/** What a gallery says about itself. */
typedef struct fm_gallery_info {
    uint32_t struct_size; /**< sizeof(fm_gallery_info), set by the caller */
    int32_t dim;          /**< floats of a template */
    int64_t identities;              /**< people */
    int64_t templates;               /**< of all of them */
    int64_t created_ms;              /**< milliseconds since 1970-01-01 UTC */
    char model_id[FM_MODEL_ID_SIZE]; /**< the model it is pinned to */
    char model_name[64];             /**< for people to read; cut if longer */
    int32_t sealed;                  /**< 1: it opens only with a key */
    /* --- 0.1 ends here, append below --- */
} fm_gallery_info;

/** One person. Frozen: this struct never grows. */
typedef struct fm_identity {
    char id[FM_ID_MAX + 1];                     /**< 1..FM_ID_MAX bytes of UTF-8 */
    char display_name[FM_DISPLAY_NAME_MAX + 1]; /**< "" when none was given */
    int64_t created_ms;                         /**< milliseconds since 1970-01-01 UTC */
    int64_t updated_ms;                         /**< of the last change to it or its templates */
    int32_t templates;                          /**< 0..FM_LIMIT_TEMPLATES */
    int32_t reserved;                           /**< 0 */
} fm_identity;

/** One template of a person, without its vector. Frozen: this struct never grows. */
typedef struct fm_template {
    int64_t template_id; /**< > 0, unique in the gallery, never used again */
    int64_t created_ms;  /**< milliseconds since 1970-01-01 UTC */
    float quality;       /**< as given or measured at enrolment, 0..1; NaN when neither */
    char label[FM_LABEL_MAX + 1]; /**< "" when none was given */
    int32_t reserved;             /**< 0 */
} fm_template;

/** What to store beside a template. Zero means default everywhere. */
typedef struct fm_enroll_options {
    uint32_t struct_size;      /**< sizeof(fm_enroll_options), set by fm_enroll_options_init */
    int32_t aligned;           /**< 1: the image already is the crop the model sees: no detection */
    const char *display_name;  /**< of the identity; NULL leaves it as it is; borrowed */
    const char *metadata_json; /**< of the identity, one JSON object; NULL leaves it; borrowed */
    const char *label;         /**< of the template; NULL for none; borrowed */
    int32_t has_quality;       /**< 1: `quality` is stored */
    float quality;             /**< of the template, 0..1 */
    const fm_gate_options *gate; /**< what is refused; borrowed. NULL: by fm_gallery_enroll what is
                                      refused by default, by fm_gallery_add nothing */
    fm_gate_report *report;    /**< optional; what the gate found, also when it refuses: struct_size
                                    set by the caller */
    const fm_liveness_options *liveness_options; /**< borrowed; NULL for defaults */
    fm_liveness_policy liveness; /**< of the photograph, behind the gate; not with `aligned`. Default
                                      FM_LIVENESS_OFF */
    int32_t reserved;            /**< 0 */
    /* --- 0.1 ends here, append below --- */
} fm_enroll_options;

/** What an enrolment did. */
typedef struct fm_enrollment {
    uint32_t struct_size; /**< sizeof(fm_enrollment), set by the caller */
    int32_t new_identity; /**< 1: the identity did not exist before */
    int64_t template_id; /**< of the template that was stored */
    int32_t templates;  /**< of the identity, this one included */
    int32_t face_count; /**< faces found in the photograph; 0 when none was looked for */
    fm_face face;       /**< the face that was enrolled; all zero when none was looked for */
    fm_liveness_summary liveness; /**< of the photograph */
    /* --- 0.1 ends here, append below --- */
} fm_enrollment;

/** What the score of an identity is. */
typedef int32_t fm_score_rule;
enum {
    FM_SCORE_BEST = 1, /**< that of its best template; the default */
    FM_SCORE_MEAN = 2  /**< that of the mean of its templates' vectors, brought to unit length where
                            the model's embeddings have it. Calibrations are made with single
                            templates, so rates then are only a guide */
};

/** Operating point of an identification. Zero means default everywhere. */
typedef struct fm_identify_options {
    uint32_t struct_size;  /**< sizeof(fm_identify_options), set by fm_identify_options_init */
    int32_t use_threshold; /**< 1: decide by `threshold` and ignore `fpir` */
    double fpir;           /**< false positive identification rate: share of strangers answered with
                                anybody at all, 0 < fpir < 1; 0: the default, 1e-2. The rate per
                                comparison is 1-(1-fpir)^(1/N) for N identities */
    float threshold;       /**< scores of at least this much match; finite */
    int32_t aligned;       /**< 1: the image already is the crop the model sees: no detection */
    fm_score_rule score;   /**< default FM_SCORE_BEST */
    fm_liveness_policy liveness; /**< of the photograph, not with `aligned`; default FM_LIVENESS_OFF */
    const fm_liveness_options *liveness_options; /**< borrowed; NULL for defaults */
    /* --- 0.1 ends here, append below --- */
} fm_identify_options;

/** One identity that matches. Frozen: this struct never grows. */
typedef struct fm_match {
    char id[FM_ID_MAX + 1]; /**< of the identity */
    double fmr;          /**< share of strangers that would score at least this high against one
                              identity; NaN without a calibration */
    int64_t template_id; /**< its best template; 0 under FM_SCORE_MEAN */
    float score;         /**< by the options' rule */
    int32_t rank;        /**< 1 for the best */
} fm_match;

/** What an identification rests on. */
typedef struct fm_identification {
    uint32_t struct_size; /**< sizeof(fm_identification), set by the caller */
    float threshold;      /**< the one that was used; an empty gallery counts as one identity */
    double fmr;           /**< per comparison, that belongs to it; NaN without a calibration */
    int64_t identities;   /**< that were compared with */
    int32_t face_count;   /**< faces found in the photograph; 0 when none was looked for */
    fm_face face;         /**< the face that was looked up; all zero when none was looked for */
    fm_liveness_summary liveness; /**< of the photograph */
    /* --- 0.1 ends here, append below --- */
} fm_identification;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_gallery_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_gallery_options_init(fm_gallery_options *options, uint32_t struct_size);

/** Fill a key with zeros: none is given yet.
 *
 * @param[out] key          written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_gallery_key) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_gallery_key_init(fm_gallery_key *key, uint32_t struct_size);

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_enroll_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_enroll_options_init(fm_enroll_options *options, uint32_t struct_size);

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_identify_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_identify_options_init(fm_identify_options *options, uint32_t struct_size);

/** Open a gallery, or make one.
 *
 * @param[out] out      the gallery; untouched on failure. Close with fm_gallery_close.
 * @param[in]  uri      a path, or "sqlite:" and a path; or a "postgresql://" URI of libpq, with
 *                      gallery=NAME among its parameters (default main). docs/postgres.md.
 * @param[in]  model    the embedder; the gallery holds a reference to it. NULL opens an existing
 *                      gallery for management only: no enrolment of images, no search.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail; names the file, or the server without its password.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_MODEL_MISMATCH (made with another
 *   model; both are named); FM_E_CORRUPT (not a gallery, damaged); FM_E_VERSION (made by a newer
 *   library); FM_E_UNSUPPORTED (another scheme; a key, for a gallery on a server, or one that
 *   lacks what is needed; FM_INDEX_HNSW under a metric for which there is no graph, or in a library
 *   built without hnswlib); FM_E_IO; FM_E_BUSY; FM_E_PERMISSION (may not be written; sealed, and
 *   the key is missing or another); FM_E_STATE (a key for one that is not sealed); what the key's
 *   callback answers; FM_E_NO_MEMORY.
 * Threads: any.   Cost: of a file, reads all templates into memory; under FM_INDEX_HNSW builds the
 *   graph, with the options' threads; a passphrase takes 256 MiB and about a second.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_open(fm_gallery **out, const char *uri,
                                              const fm_model *model,
                                              const fm_gallery_options *options, fm_error *err);

/** What the gallery says about itself.
 *
 * @param[in]     gallery  the gallery.
 * @param[in,out] info     struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_CORRUPT; FM_E_IO; FM_E_BUSY.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_describe(fm_gallery *gallery, fm_gallery_info *info,
                                                  fm_error *err);

/** Enrol a photograph: detect, measure, align, embed, store. Durable when the call returns.
 *
 * The gate refuses what would make identifications worse: photographs of low quality, a person
 * who already is in the gallery under another id, and a further template that is not like the
 * identity's own. Unless a quality is given, the measured one is stored (fm_face_quality.quality).
 * Within a process nothing comes between the comparison and the storing.
 *
 * @param[in]     gallery  opened with the session's embedder.
 * @param[in]     session  confined; must have an embedder and, unless aligned, a detector.
 * @param[in]     id       UTF-8, 1..FM_ID_MAX bytes; a known id gets a further template.
 * @param[in]     image    the photograph; the session's selection rule chooses the face.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] out      optional; struct_size set by the caller; untouched on failure, but for
 *                         FM_E_NOT_LIVE: then `liveness`, `face` and `face_count` are told, and all
 *                         else is 0.
 * @param[out]    err      optional error detail.
 * @return as fm_embed and fm_gallery_add; FM_E_REFUSED (by the gate; options->report tells why);
 *   FM_E_MODEL_MISMATCH (the session's embedder is another); with options->liveness as fm_liveness,
 *   too; FM_E_NOT_LIVE (required, and not found to be live: nothing was stored).
 * Threads: synchronised; confined to session.
 * Cost: that of fm_embed, of a search by the gate, and of a durable write.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_enroll(fm_gallery *gallery, fm_session *session,
                                                const char *id, const fm_image *image,
                                                const fm_enroll_options *options,
                                                fm_enrollment *out, fm_error *err);

/** Store an embedding as a further template of an identity. Durable when the call returns.
 *
 * @param[in]     gallery    open for writing.
 * @param[in]     id         UTF-8, 1..FM_ID_MAX bytes; made if it does not exist.
 * @param[in]     embedding  float32[dim], finite, not all zero; made by the gallery's model.
 * @param         dim        must equal the gallery's.
 * @param[in]     options    NULL for defaults; `aligned` and `liveness` are not looked at. With a gate
 *                           looks_like_another and unlike_itself are looked for.
 * @param[in,out] out        optional; struct_size set by the caller; untouched on failure.
 * @param[out]    err        optional error detail.
 * @return FM_OK; FM_E_REFUSED (by the gate); FM_E_STATE (a gate without a model, or a rate without
 *   a calibration); FM_E_INVALID_ARGUMENT (id, text not UTF-8 or too long, metadata not a JSON
 *   object, embedding); FM_E_LIMIT (FM_LIMIT_TEMPLATES reached); FM_E_PERMISSION (read-only); FM_E_BUSY;
 *   FM_E_IO (disk full and the like: nothing was changed; where a server was lost while it stored,
 *   the message says that it may or may not have done so); FM_E_CORRUPT; FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: a durable write; with a gate a search, too.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_add(fm_gallery *gallery, const char *id,
                                             const float *embedding, size_t dim,
                                             const fm_enroll_options *options, fm_enrollment *out,
                                             fm_error *err);

/** Remove an identity with all its templates, for good. Durable when the call returns.
 *
 * @param[in]  gallery  open for writing.
 * @param[in]  id       the identity.
 * @param[out] removed  optional; templates that were removed; untouched on failure.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_PERMISSION; FM_E_BUSY; FM_E_IO;
 *   FM_E_CORRUPT; FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: a durable write, and a reading of the whole file.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_remove(fm_gallery *gallery, const char *id,
                                                size_t *removed, fm_error *err);

/** Remove one template of an identity; the identity stays, even without templates.
 *
 * @param[in]  gallery      open for writing.
 * @param[in]  id           the identity.
 * @param      template_id  one of its templates.
 * @param[out] err          optional error detail.
 * @return as fm_gallery_remove; FM_E_NOT_FOUND also when the template is of another identity.
 * Threads: synchronised.   Cost: as fm_gallery_remove.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_remove_template(fm_gallery *gallery, const char *id,
                                                         int64_t template_id, fm_error *err);

/** Change the key of a gallery, or seal one that was plain. All rows are sealed anew, and the file
 * is rebuilt, so that nothing that the old key opens is left in it. Durable when the call returns.
 *
 * Other handles of the gallery get FM_E_PERMISSION from then on: they have to be opened anew.
 *
 * @param[in]  gallery  open for writing; stays open.
 * @param[in]  key      the new key; not NULL: a sealed gallery is made plain only by exporting it.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_PERMISSION (read-only; another process changed the
 *   key); FM_E_CORRUPT (a row is damaged: nothing was changed); FM_E_BUSY; FM_E_IO; what the key's
 *   callback answers; FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: writes the whole gallery, twice; rebuilding takes as much memory
 * as the file is large.   Since: 0.1. Note: rows in the old form may remain in the file where
 * another process keeps it from being rebuilt; the log listener is told. They do in backups. */
FM_API FM_NODISCARD fm_status fm_gallery_rekey(fm_gallery *gallery, const fm_gallery_key *key,
                                               fm_error *err);

/** Look an identity up.
 *
 * @param[in]  gallery  the gallery.
 * @param[in]  id       the identity.
 * @param[out] out      untouched on failure.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_BUSY; FM_E_IO; FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_get(fm_gallery *gallery, const char *id, fm_identity *out,
                                             fm_error *err);

/** The metadata of an identity: the text of one JSON object, "{}" when none was given.
 *
 * @param[in]  gallery  the gallery.
 * @param[in]  id       the identity.
 * @param[out] out      char[out_len], NUL-terminated; untouched on failure.
 * @param      out_len  bytes that fit at out.
 * @param[out] needed   optional; bytes needed, the NUL included; also set when the buffer is too
 *                      small.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_BUFFER_TOO_SMALL; FM_E_BUSY; FM_E_IO;
 *   FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_get_metadata(fm_gallery *gallery, const char *id,
                                                      char *out, size_t out_len, size_t *needed,
                                                      fm_error *err);

/** The templates of an identity, oldest first.
 *
 * @param[in]  gallery   the gallery.
 * @param[in]  id        the identity.
 * @param[out] out       fm_template[capacity]; NULL with capacity 0 just counts; untouched on
 *                       failure.
 * @param      capacity  templates that fit; FM_LIMIT_TEMPLATES always does.
 * @param[out] count     number of templates of the identity, whatever the capacity.
 * @param[out] err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_BUSY; FM_E_IO; FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_get_templates(fm_gallery *gallery, const char *id,
                                                       fm_template *out, size_t capacity,
                                                       size_t *count, fm_error *err);

/** The vector of one template.
 *
 * @param[in]  gallery      the gallery.
 * @param[in]  id           the identity.
 * @param      template_id  one of its templates.
 * @param[out] out          float32[dim], as it was given; untouched on failure.
 * @param      out_len      floats that fit at out; at least dim.
 * @param[out] err          optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_BUFFER_TOO_SMALL; FM_E_BUSY; FM_E_IO;
 *   FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_get_embedding(fm_gallery *gallery, const char *id,
                                                       int64_t template_id, float *out,
                                                       size_t out_len, fm_error *err);

/** The identities, in the order of their ids' bytes, a page at a time.
 *
 * @param[in]  gallery   the gallery.
 * @param[in]  after_id  start after this id (it need not exist); NULL or "": from the beginning.
 * @param[out] out       fm_identity[capacity]; untouched on failure.
 * @param      capacity  1..; identities that fit.
 * @param[out] count     identities written; fewer than capacity: the end.
 * @param[out] err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUSY; FM_E_IO; FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store, O(capacity).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_list(fm_gallery *gallery, const char *after_id,
                                              fm_identity *out, size_t capacity, size_t *count,
                                              fm_error *err);

/** How many people and templates there are.
 *
 * @param[in]  gallery     the gallery.
 * @param[out] identities  optional; untouched on failure.
 * @param[out] templates   optional; untouched on failure.
 * @param[out] err         optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUSY; FM_E_IO; FM_E_CORRUPT.
 * Threads: synchronised.   Cost: a query to the store.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_count(fm_gallery *gallery, size_t *identities,
                                               size_t *templates, fm_error *err);

/** Who is in this photograph, or nobody?
 *
 * The score of an identity is that of its best template, unless the options say otherwise.
 * Identities below the threshold are not told: an empty answer is "nobody of this gallery".
 *
 * @param[in]     gallery   opened with the session's embedder.
 * @param[in]     session   confined; must have an embedder and, unless aligned, a detector.
 * @param[in]     image     the photograph; the session's selection rule chooses the face.
 * @param[in]     options   NULL for defaults.
 * @param[out]    matches   fm_match[capacity], best first, equal scores in the order of ids;
 *                          untouched on failure.
 * @param         capacity  1..FM_LIMIT_MATCHES.
 * @param[out]    count     matches written; 0 is nobody. 0, too, with FM_E_NOT_LIVE.
 * @param[in,out] out       optional; struct_size set by the caller; untouched on failure, but for
 *                          FM_E_NOT_LIVE: then `liveness`, `face` and `face_count` are told, and all
 *                          else is 0.
 * @param[out]    err       optional error detail.
 * @return FM_OK, also for nobody; as fm_embed and fm_gallery_search; with options->liveness as
 *   fm_liveness, too; FM_E_NOT_LIVE (required, and not found to be live: nobody was looked up).
 * Threads: synchronised; confined to session.
 * Cost: that of fm_embed, fm_gallery_search, and of fm_liveness where it is asked for.
 * Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_identify(fm_gallery *gallery, fm_session *session,
                                          const fm_image *image, const fm_identify_options *options,
                                          fm_match *matches, size_t capacity, size_t *count,
                                          fm_identification *out, fm_error *err);

/** Look several embeddings up at once. Exact: the same answers as comparing with every template.
 *
 * @param[in]     gallery   opened with a model.
 * @param[in]     queries   float32[n][dim], row-major, finite.
 * @param         n         0..FM_LIMIT_BATCH; 0 is a no-op.
 * @param         dim       must equal the gallery's.
 * @param[in]     options   NULL for defaults; `aligned` and `liveness` are not looked at.
 * @param[out]    matches   fm_match[n][k], best first, equal scores in the order of ids; untouched
 *                          on failure.
 * @param         k         most matches per query, 1..FM_LIMIT_MATCHES.
 * @param[out]    counts    size_t[n]: matches per query; untouched on failure.
 * @param[in,out] out       optional; struct_size set by the caller; untouched on failure.
 * @param[out]    err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no model; no calibration and no threshold
 *   given); FM_E_BUSY; FM_E_IO; FM_E_CORRUPT; FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: O(n * templates * dim): under the four metrics that follow from a
 *   product, one reading of copies in 8 bits per 64 queries; else, and under FM_SCORE_MEAN, one of
 *   all vectors.   Since: 0.1.
 * Note: where the rate per comparison lies below what the calibration reaches, the threshold
 *   continues the line of its last decade; the rate told stays that of the table's end. */
FM_API FM_NODISCARD fm_status fm_gallery_search(fm_gallery *gallery, const float *queries, size_t n,
                                                size_t dim, const fm_identify_options *options,
                                                fm_match *matches, size_t k, size_t *counts,
                                                fm_identification *out, fm_error *err);

/** Is this photograph of the person with this id? 1:1 against that identity's best template.
 *
 * @param[in]     gallery  opened with the session's embedder.
 * @param[in]     session  confined; must have an embedder and, unless aligned, a detector.
 * @param[in]     id       the claimed identity.
 * @param[in]     image    the photograph; the session's selection rule chooses the face.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] out      struct_size set by the caller; untouched on failure, but for FM_E_NOT_LIVE,
 *                         as by fm_verify.
 * @param[out]    err      optional error detail.
 * @return as fm_verify; FM_E_NOT_FOUND (no such identity, one without templates, or no face);
 *   FM_E_MODEL_MISMATCH (the session's embedder is another).
 * Threads: synchronised; confined to session.
 * Cost: that of fm_embed, and of fm_liveness where it is asked for.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_verify_identity(fm_gallery *gallery, fm_session *session,
                                                 const char *id, const fm_image *image,
                                                 const fm_verify_options *options,
                                                 fm_verification *out, fm_error *err);

/** How good is approximate search in this gallery? Compares it with exact search.
 *
 * Queries are made up: half-way between templates of two people, spread evenly over the gallery, so
 * that each scores as a further photograph of both might.
 *
 * @param[in]  gallery  opened with a model.
 * @param      samples  queries, 1..FM_LIMIT_BATCH; no more than there are templates are made.
 * @param      k        identities per query, 1..FM_LIMIT_MATCHES.
 * @param[out] recall   share of the k best identities of exact search without a threshold that the
 *                      gallery's own search finds: 1 under FM_INDEX_EXACT; untouched on failure.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no model); FM_E_BUSY; FM_E_IO; FM_E_CORRUPT;
 *   FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: two searches per sample.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_recall(fm_gallery *gallery, size_t samples, size_t k,
                                                double *recall, fm_error *err);

/** Close a gallery. Copies of templates in memory are wiped.
 *
 * @param[in] gallery  NULL is a no-op.
 * Threads: no other thread may be using it.   Cost: O(templates * dim), which are wiped.
 * Since: 0.1. */
FM_API void fm_gallery_close(fm_gallery *gallery);

#ifdef __cplusplus
}
#endif

#endif
