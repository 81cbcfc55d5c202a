/* Where people and templates are kept. A store is a table of functions, so that a database server
 * can stand behind a gallery as well as a file.
 *
 * A store is confined: the gallery holds a lock around every call. Nothing is changed by a call
 * that fails, and outputs are untouched. Ids and texts have been checked by the caller. */
#ifndef FMI_STORE_H
#define FMI_STORE_H

#include "gallery/index/index.h"
#include <facematch/transfer.h>
#include <stdbool.h>

/* The model a gallery is made with, and what of it is needed to read the templates. */
typedef struct fmi_pin {
    char model_id[FM_MODEL_ID_SIZE];
    char model_name[64];
    int32_t dim;
    fm_metric metric;
    int64_t created_ms;
} fmi_pin;

/* How far a copy of the templates has come. All zero: it is empty. */
typedef struct fmi_sync {
    bool valid;            /* false: look again even when nobody else has written */
    uint32_t token;        /* changes when another connection writes */
    int64_t rewrites;      /* removals so far: what makes a copy more than incomplete */
    int64_t last_identity; /* highest number that is in the copy */
    int64_t last_template;
} fmi_sync;

/* The copy, as the store sees it. Both are told in rising order of their numbers. */
typedef struct fmi_sync_target {
    void *user;
    void (*clear)(void *user);
    fm_status (*identity)(void *user, int64_t identity_no, const char *id, fm_error *err);
    fm_status (*template)(void *user, int64_t identity_no, int64_t template_id, const float *vector,
                          fm_error *err);
} fmi_sync_target;

/* One template to be stored; NULL texts leave what is there. */
typedef struct fmi_new_template {
    const char *id, *display_name, *metadata, *label;
    const float *vector; /* NULL, in an import: the identity alone */
    bool has_quality;
    float quality;
    /* 0: now. The first is looked at when the identity is new. */
    int64_t identity_created_ms, identity_updated_ms, created_ms;
} fmi_new_template;

/* The next template of an import, whose texts and vector are borrowed until the call after. It may
 * read the store, where it sees what was imported before. *more is false at the end. */
typedef fm_status (*fmi_next_fn)(void *user, fmi_new_template *add, bool *more, fm_error *err);

/* What was removed; identity_no as in fmi_sync_target. */
typedef struct fmi_removal {
    int64_t identity_no;
    size_t templates;
    bool copies_remain; /* bytes of it could not be wiped from the store's files */
} fmi_removal;

typedef fm_status (*fmi_vector_fn)(void *user, const float *vector);

/* What is looked for in a store that searches by itself, and where the answer ends. */
typedef struct fmi_search {
    const fmi_manifest *manifest;
    const fm_identify_options *options; /* the rule is FM_SCORE_BEST */
    const float *queries;               /* float32[n][dim] */
    size_t n, k;
    bool everybody; /* no threshold */
    bool exact;     /* whatever the store was opened with */
} fmi_search;

/* What the answer rests on. */
typedef struct fmi_searched {
    int64_t identities; /* with at least one template */
    float threshold;
} fmi_searched;

typedef struct fmi_store fmi_store;

typedef struct fmi_store_ops {
    void (*close)(fmi_store *store);
    fm_status (*count)(fmi_store *store, int64_t *identities, int64_t *templates, fm_error *err);

    /* Has something been written that the copy does not have? May say yes too often. */
    fm_status (*changed)(fmi_store *store, const fmi_sync *sync, bool *changed, fm_error *err);
    /* Bring the copy up to date, from one state of the store. After a failure `sync` still tells
     * the truth about the copy. */
    fm_status (*sync)(fmi_store *store, fmi_sync *sync, const fmi_sync_target *target,
                      fm_error *err);

    /* Durable when they return. out: template_id, new_identity, templates. */
    fm_status (*add)(fmi_store *store, const fmi_new_template *add, fm_enrollment *out,
                     fm_error *err);
    /* template_id 0: the identity with all it has. A removal counts as one rewrite. */
    fm_status (*remove)(fmi_store *store, const char *id, int64_t template_id, fmi_removal *out,
                        fm_error *err);

    fm_status (*get)(fmi_store *store, const char *id, fm_identity *out, fm_error *err);
    fm_status (*list)(fmi_store *store, const char *after_id, fm_identity *out, size_t capacity,
                      size_t *count, fm_error *err);
    /* *text by fmi_alloc */
    fm_status (*metadata)(fmi_store *store, const char *id, char **text, fm_error *err);
    fm_status (*templates)(fmi_store *store, const char *id, fm_template out[FM_LIMIT_TEMPLATES],
                           size_t *count, fm_error *err);
    /* template_id 0: all of the identity. FM_E_NOT_FOUND when there is none. */
    fm_status (*vectors)(fmi_store *store, const char *id, int64_t template_id, fmi_vector_fn fn,
                         void *user, fm_error *err);

    /* The rest may be NULL: not possible with this kind of store. */

    /* Everything that `next` tells, or nothing when it or the store fails. One transaction, durable
     * when it returns. Each is stored as by add. *templates: how many were. */
    fm_status (*import)(fmi_store *store, fmi_next_fn next, void *user, int64_t *templates,
                        fm_error *err);
    /* What is read in between is read from one state. No writes in between. */
    fm_status (*begin_read)(fmi_store *store, fm_error *err);
    void (*end_read)(fmi_store *store);
    /* Give back unused room; no byte of what was removed or replaced stays in the store's files. */
    fm_status (*compact)(fmi_store *store, fm_error *err);
    /* Seal everything anew, under another key; a removal's worth of rewrites. */
    fm_status (*rekey)(fmi_store *store, const fm_gallery_key *key, fm_error *err);
    /* Only where the store says that it searches: what fmi_index_search_near finds in a copy of it,
     * without one. hits[n][k], zeroed; counts[n]. Their ids are by fmi_alloc, and the caller's,
     * also after a failure. */
    fm_status (*search)(fmi_store *store, const fmi_search *search, fmi_hit *hits, size_t *counts,
                        fmi_searched *out, fm_error *err);
    /* Spread the templates over other servers. A rewrite. */
    fm_status (*shard)(fmi_store *store, const char *const *servers, size_t count,
                       const fm_transfer_options *options, fm_transfer *out, fm_error *err);
} fmi_store_ops;

struct fmi_store {
    const fmi_store_ops *ops;
    fmi_pin pin;      /* as it is written in the store */
    const char *name; /* for messages */
    bool sealed;
    bool searches; /* by itself, under the rule FM_SCORE_BEST */
};

typedef struct fmi_store_config {
    const fmi_pin *pin; /* of the model; NULL: any, and nothing is created */
    fm_gallery_mode mode;
    int32_t timeout_ms;
    const fm_gallery_key *key; /* NULL: plain */
    fm_gallery_index index;    /* where the store searches */
    size_t graph_rows;         /* as in fmi_index_config */
} fmi_store_config;

/* store.c: for the stores' own use */
fm_status fmi_store_no_identity(const char *id, fm_error *err);
fm_status fmi_store_no_template(const char *id, int64_t template_id, fm_error *err);

/* FM_E_MODEL_MISMATCH unless what the store says is that of the model; NULL: any will do. */
fm_status fmi_store_check_pin(const fmi_store *store, const fmi_pin *model, fm_error *err);

/* A page of a list is put together aside, because the caller's is to stay as it is when a later row
 * fails. It grows as it fills: the capacity says nothing about how many there are. */
typedef struct fmi_page {
    fm_identity *items; /* to be freed by fmi_free */
    size_t count, room;
} fmi_page;

/* Where the next one goes, zeroed; it counts once count is raised. NULL: no memory. */
fm_identity *fmi_page_place(fmi_page *page, fm_error *err);
void fmi_page_hand_over(fmi_page *page, fm_identity *out, size_t *count);

/* store_sqlite.c */
fm_status fmi_store_sqlite_open(fmi_store **out, const char *path, const fmi_store_config *config,
                                fm_error *err);
/* store_postgres.c; postgres_none.c where there is no libpq */
fm_status fmi_store_postgres_open(fmi_store **out, const char *uri, const fmi_store_config *config,
                                  fm_error *err);

#endif
