/* A sealed file: 8 bytes "fmsealed", a lock (seal.c), then libsodium's secretstream (XChaCha20-
 * Poly1305) under the key of the lock: its header, and pieces of CHUNK bytes, each 17 bytes longer
 * when sealed. The last one is shorter, maybe empty, and marked as the last. Pieces that are left
 * out, changed, moved or missing at the end are noticed before what they hold is used. */
#include "gallery/seal/seal_stream.h"
#include "core/error.h"
#include "core/memory.h"
#include "gallery/seal/seal.h"
#include <sodium.h>
#include <string.h>

#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define MORE   crypto_secretstream_xchacha20poly1305_ABYTES
#define LAST   crypto_secretstream_xchacha20poly1305_TAG_FINAL
enum { MAGIC = 8, CHUNK = 1 << 16 };

static const char magic[MAGIC + 1] = "fmsealed";

typedef crypto_secretstream_xchacha20poly1305_state stream_state;

/* --- writing --- */

typedef struct sealed_sink {
    fmi_sink base;
    fmi_sink *inner;
    stream_state *state;
    unsigned char *plain, *sealed; /* CHUNK bytes, and MORE */
    size_t used;
} sealed_sink;

static fm_status push(sealed_sink *s, unsigned char tag, fm_error *err)
{
    unsigned long long size = 0;
    crypto_secretstream_xchacha20poly1305_push(s->state, s->sealed, &size, s->plain, s->used, NULL,
                                               0, tag);
    s->used = 0;
    return s->inner->write(s->inner, s->sealed, (size_t)size, err);
}

static fm_status sealed_write(fmi_sink *sink, const void *bytes, size_t size, fm_error *err)
{
    sealed_sink *s = (sealed_sink *)sink;
    const unsigned char *from = bytes;
    while (size > 0) {
        size_t n = size < CHUNK - s->used ? size : CHUNK - s->used;
        memcpy(s->plain + s->used, from, n);
        s->used += n;
        from += n;
        size -= n;
        if (s->used == CHUNK) {
            fm_status status = push(s, 0, err);
            if (status != FM_OK)
                return status;
        }
    }
    return FM_OK;
}

static fm_status sealed_finish(fmi_sink *sink, fm_error *err)
{
    sealed_sink *s = (sealed_sink *)sink;
    fm_status status = push(s, LAST, err);
    return status == FM_OK ? s->inner->finish(s->inner, err) : status;
}

static void free_sink(sealed_sink *s)
{
    fmi_secret_free(s->state);
    fmi_block_free(s->plain);
    fmi_block_free(s->sealed);
    fmi_free(s);
}

static void sealed_close_sink(fmi_sink *sink)
{
    sealed_sink *s = (sealed_sink *)sink;
    s->inner->close(s->inner);
    free_sink(s);
}

static fm_status begin_file(sealed_sink *s, const fm_gallery_key *key, fm_error *err)
{
    unsigned char header[HEADER];
    fmi_seal *seal;
    fm_status status = fmi_seal_make(&seal, key, err);
    if (status != FM_OK)
        return status;
    crypto_secretstream_xchacha20poly1305_init_push(s->state, header, seal->seal_key);
    status = s->inner->write(s->inner, magic, MAGIC, err);
    if (status == FM_OK)
        status = s->inner->write(s->inner, seal->lock, FMI_SEAL_LOCK, err);
    if (status == FM_OK)
        status = s->inner->write(s->inner, header, HEADER, err);
    fmi_seal_free(seal);
    return status;
}

fm_status fmi_seal_sink(fmi_sink **sink, const char *name, const fm_gallery_key *key, fm_error *err)
{
    sealed_sink *s = fmi_calloc(1, sizeof *s);
    fm_status status;
    if (!s)
        return fmi_fail_memory(err);
    s->base = (fmi_sink){sealed_write, sealed_finish, sealed_close_sink};
    s->inner = *sink;
    s->state = fmi_secret_alloc(sizeof *s->state);
    s->plain = fmi_block_alloc(CHUNK);
    s->sealed = fmi_block_alloc(CHUNK + MORE);
    if (!s->state || !s->plain || !s->sealed)
        status = fmi_fail_memory(err);
    else if ((status = begin_file(s, key, err)) != FM_OK)
        fmi_fail_context(err, status, "%s", name);
    if (status == FM_OK)
        *sink = &s->base;
    else
        free_sink(s);
    return status;
}

/* --- reading --- */

typedef struct sealed_source {
    fmi_source base;
    fmi_source *inner;
    const char *name;
    stream_state *state;           /* NULL: not sealed, and handed on as it is */
    unsigned char *plain, *sealed; /* CHUNK bytes, and MORE */
    size_t used, at;               /* of plain: there, and handed on */
    bool ended;
} sealed_source;

/* As many bytes as there are, up to size. */
static fm_status fill(fmi_source *inner, unsigned char *out, size_t size, size_t *got,
                      fm_error *err)
{
    size_t n = 1;
    *got = 0;
    while (*got < size && n > 0) {
        fm_status status = inner->read(inner, out + *got, size - *got, &n, err);
        if (status != FM_OK)
            return status;
        *got += n;
    }
    return FM_OK;
}

/* The next piece. Nothing may come after the last one. */
static fm_status pull(sealed_source *s, fm_error *err)
{
    unsigned long long size = 0;
    unsigned char tag = 0;
    size_t got;
    fm_status status = fill(s->inner, s->sealed, CHUNK + MORE, &got, err);
    if (status != FM_OK)
        return status;
    if (got < MORE || crypto_secretstream_xchacha20poly1305_pull(s->state, s->plain, &size, &tag,
                                                                 s->sealed, got, NULL, 0) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "%s: changed or cut short", s->name);
    s->used = (size_t)size;
    s->at = 0;
    s->ended = tag == LAST;
    if (s->ended) {
        status = fill(s->inner, s->sealed, 1, &got, err);
        if (status == FM_OK && got)
            status = fmi_fail(err, FM_E_CORRUPT, "%s: there is more after its end", s->name);
    }
    return status;
}

static fm_status sealed_read(fmi_source *source, void *out, size_t room, size_t *got, fm_error *err)
{
    sealed_source *s = (sealed_source *)source;
    while (s->state && s->at == s->used && !s->ended) {
        fm_status status = pull(s, err);
        if (status != FM_OK)
            return status;
    }
    if (!s->state && s->at == s->used)
        return s->inner->read(s->inner, out, room, got, err);
    *got = room < s->used - s->at ? room : s->used - s->at;
    memcpy(out, s->plain + s->at, *got);
    s->at += *got;
    return FM_OK;
}

static void free_source(sealed_source *s)
{
    fmi_secret_free(s->state);
    fmi_block_free(s->plain);
    fmi_block_free(s->sealed);
    fmi_free(s);
}

static void sealed_close_source(fmi_source *source)
{
    sealed_source *s = (sealed_source *)source;
    s->inner->close(s->inner);
    free_source(s);
}

static fm_status open_stream(sealed_source *s, const fm_gallery_key *key, const unsigned char *head,
                             size_t size, fm_error *err)
{
    fmi_seal *seal;
    fm_status status;
    int rc;
    if (!key)
        return fmi_fail(err, FM_E_PERMISSION, "it is sealed: it opens only with its key");
    if (size < MAGIC + FMI_SEAL_LOCK + HEADER)
        return fmi_fail(err, FM_E_CORRUPT, "changed or cut short");
    status = fmi_seal_open(&seal, key, head + MAGIC, FMI_SEAL_LOCK, err);
    if (status != FM_OK)
        return status;
    s->state = fmi_secret_alloc(sizeof *s->state);
    rc = s->state ? crypto_secretstream_xchacha20poly1305_init_pull(
                        s->state, head + MAGIC + FMI_SEAL_LOCK, seal->seal_key)
                  : -1;
    fmi_seal_free(seal);
    return rc == 0 ? FM_OK : fmi_fail_memory(err);
}

/* Sealed or not, its first bytes tell. Those of a plain file are handed on by the first reads. */
static fm_status begin_reading(sealed_source *s, const fm_gallery_key *key, fm_error *err)
{
    fm_status status = fill(s->inner, s->plain, MAGIC + FMI_SEAL_LOCK + HEADER, &s->used, err);
    if (status != FM_OK)
        return status;
    if (s->used >= MAGIC && !memcmp(s->plain, magic, MAGIC)) {
        status = open_stream(s, key, s->plain, s->used, err);
        s->used = 0;
    } else if (key) {
        status = fmi_fail(err, FM_E_STATE, "it is not sealed: it opens without a key");
    }
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", s->name);
}

fm_status fmi_seal_source(fmi_source **source, const char *name, const fm_gallery_key *key,
                          fm_error *err)
{
    sealed_source *s = fmi_calloc(1, sizeof *s);
    fm_status status;
    if (!s)
        return fmi_fail_memory(err);
    s->base = (fmi_source){sealed_read, sealed_close_source, (*source)->size};
    s->inner = *source;
    s->name = name;
    s->plain = fmi_block_alloc(CHUNK);
    s->sealed = fmi_block_alloc(CHUNK + MORE);
    status = s->plain && s->sealed ? begin_reading(s, key, err) : fmi_fail_memory(err);
    if (status == FM_OK)
        *source = &s->base;
    else
        free_source(s);
    return status;
}
