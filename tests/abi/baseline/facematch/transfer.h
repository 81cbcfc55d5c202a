/* Moving galleries: into a file of JSON lines, back again, and into the least room.
 *
 *     fm_gallery_export(gallery, "people.jsonl", NULL, NULL, &err);
 *     fm_gallery_import(other, "people.jsonl", NULL, NULL, &err);
 *
 * The file is described in docs/gallery-format.md. It holds all that a gallery knows: templates to
 * the bit, qualities, labels, names, metadata and times; only the numbers of templates are given
 * anew. Without a key it is not encrypted, so guard it like the gallery itself.
 */
#ifndef FACEMATCH_TRANSFER_H
#define FACEMATCH_TRANSFER_H

#include "gallery.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How far an export, import or sharding has come.
 *
 * @param[in] user   as in the options.
 * @param     done   identities, of an export; bytes, of an import; numbers of identities, of a sharding.
 * @param     total  of the same; 0: not known.
 * @return 0 to go on; anything else stops: the call answers FM_E_CANCELED, and nothing was changed.
 *
 * Called by the thread that exports or imports, at the beginning, now and then, and at the end. It
 * must not use the gallery: that is locked. */
typedef int32_t (*fm_progress_fn)(void *user, int64_t done, int64_t total);

/** What an import does with an identity that the gallery has already. */
typedef int32_t fm_existing;
enum {
    FM_EXISTING_REFUSE = 1, /**< the import fails with FM_E_EXISTS; the default */
    FM_EXISTING_SKIP = 2,   /**< it stays as it is */
    FM_EXISTING_MERGE = 3   /**< it gets the templates; its name and metadata stay */
};

/** Options of fm_gallery_export, _import and _shard. Zero means default everywhere. */
typedef struct fm_transfer_options {
    uint32_t struct_size;    /**< sizeof(fm_transfer_options), set by fm_transfer_options_init */
    fm_existing on_existing; /**< of an import; default FM_EXISTING_REFUSE */
    fm_progress_fn progress; /**< NULL for none */
    void *user;              /**< handed to progress */
    const fm_gallery_key *key; /**< of the file, whatever the gallery's is; NULL: plain */
    /* --- 0.1 ends here, append below --- */
} fm_transfer_options;

/** What was moved. */
typedef struct fm_transfer {
    uint32_t struct_size; /**< sizeof(fm_transfer), set by the caller */
    int32_t reserved;     /**< 0 */
    int64_t identities;   /**< written to the file; or imported, those that were merged included */
    int64_t templates;    /**< likewise */
    int64_t skipped; /**< identities that an import left as they were */
    int64_t bytes;   /**< of the file, before it was sealed */
    /* --- 0.1 ends here, append below --- */
} fm_transfer;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_transfer_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_transfer_options_init(fm_transfer_options *options, uint32_t struct_size);

/** Write all of a gallery to a file, as it is at one moment.
 *
 * @param[in]     gallery  the gallery.
 * @param[in]     path     written beside it and renamed over it when all is on the disk; readable
 *                         by its owner alone. A pipe or device is written to directly.
 * @param[in]     options  NULL for defaults; `on_existing` is not looked at.
 * @param[in,out] out      optional; struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (also: the path is the gallery itself); FM_E_CANCELED; what
 *   the key's callback answers; FM_E_IO; FM_E_BUSY; FM_E_CORRUPT; FM_E_UNSUPPORTED (by this kind of
 *   gallery); FM_E_NO_MEMORY. On failure there is no file, or still the old one.
 * Threads: synchronised; other calls on this handle wait, those on other handles do not.
 * Cost: one pass; memory does not grow with the gallery.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_export(fm_gallery *gallery, const char *path,
                                                const fm_transfer_options *options,
                                                fm_transfer *out, fm_error *err);

/** Add all people of a file that fm_gallery_export wrote, or none of them. Durable when it returns.
 *
 * Every line is held to the same rules as fm_gallery_add.
 *
 * @param[in]     gallery  open for writing; of the model that the file names.
 * @param[in]     path     the file; may be a pipe.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] out      optional; struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail; names the file, and the line where one is at
 *                         fault.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND (no such file); FM_E_MODEL_MISMATCH (both
 *   are named); FM_E_VERSION (made by a newer library); FM_E_CORRUPT (not such a file, cut short,
 *   damaged, an identity twice, what fm_gallery_add would refuse); FM_E_LIMIT (a line is too long,
 *   an identity would get more than FM_LIMIT_TEMPLATES); FM_E_EXISTS (on_existing); FM_E_CANCELED;
 *   FM_E_PERMISSION (read-only; the file is sealed, and the key is missing or another); FM_E_STATE
 *   (a key for a file that is not sealed); FM_E_UNSUPPORTED (by this kind of gallery); FM_E_BUSY;
 *   FM_E_IO; FM_E_NO_MEMORY. After a failure the gallery is as it was.
 * Threads: synchronised; other calls on this handle wait, and other writers get FM_E_BUSY.
 * Cost: one pass; memory does not grow with the file.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_import(fm_gallery *gallery, const char *path,
                                                const fm_transfer_options *options,
                                                fm_transfer *out, fm_error *err);

/** Give unused room of the file back to the disk, and leave no byte in it that is not of the
 * gallery: nothing of what was removed, nor of names and metadata that were replaced.
 *
 * @param[in]  gallery  open for writing.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_PERMISSION (read-only); FM_E_BUSY (another process
 *   writes, or reads at this moment); FM_E_IO; FM_E_CORRUPT; FM_E_UNSUPPORTED (by this kind of
 *   gallery); FM_E_NO_MEMORY.
 * Threads: synchronised.   Cost: rebuilds the file, in as much memory as it has bytes.
 * Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_compact(fm_gallery *gallery, fm_error *err);

#define FM_LIMIT_SHARDS 64 /**< servers that a gallery can be spread over */

/** Spread the templates of a gallery on PostgreSQL over other servers, so that each searches its part
 * of them. docs/postgres.md.
 *
 * Identities stay on the gallery's own server, which asks the others through postgres_fdw: it keeps
 * their addresses, users and passwords, and has to reach them by the same URIs. From then on the
 * gallery is used as before, by the same URI. What is in it is moved. The servers are those of this
 * gallery for good: to have others, export it and import it into a new one.
 *
 * @param[in]     gallery  open for writing, on PostgreSQL, not sharded yet.
 * @param[in]     servers  const char *[n]: URIs of PostgreSQL; borrowed.
 * @param         n        1..FM_LIMIT_SHARDS.
 * @param[in]     options  NULL for defaults; `on_existing` and `key`
 *                         are not looked at.
 * @param[in,out] out      optional: the people and templates of the gallery; struct_size set by the
 *                         caller; untouched on failure.
 * @param[out]    err      optional error detail; names the server that is at fault, without its
 *                         password.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_UNSUPPORTED (by this kind of gallery; an extension is
 *   missing on a server); FM_E_EXISTS (it is sharded already); FM_E_PERMISSION (read-only; the
 *   server does not let this user do it); FM_E_CANCELED; FM_E_BUSY; FM_E_IO; FM_E_CORRUPT;
 *   FM_E_NO_MEMORY. After a failure the gallery is as it was.
 * Threads: synchronised; other calls on this handle wait, and other writers get FM_E_BUSY.
 * Cost: moves all templates, in one transaction.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gallery_shard(fm_gallery *gallery, const char *const *servers,
                                               size_t n, const fm_transfer_options *options,
                                               fm_transfer *out, fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
