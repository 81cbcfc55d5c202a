#include "gallery/transfer.h"
#include "core/error.h"
#include "core/options.h"
#include "gallery/seal/seal.h"

/* Sizes in release 0.1: what a caller must bring at least. */
enum { TRANSFER_OPTIONS_0_1 = sizeof(fm_transfer_options), TRANSFER_0_1 = sizeof(fm_transfer) };

void fm_transfer_options_init(fm_transfer_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

static fm_status read_options(const fm_transfer_options *options, const fm_transfer *out,
                              fm_transfer_options *own, fm_error *err)
{
    fm_status status = FM_OK;
    if (out)
        status = fmi_output_check(out, TRANSFER_0_1, "fm_transfer", err);
    if (status == FM_OK)
        status = fmi_options_read(own, sizeof *own, options, TRANSFER_OPTIONS_0_1,
                                  "fm_transfer_options", err);
    if (status == FM_OK && (own->on_existing < 0 || own->on_existing > FM_EXISTING_MERGE))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no on_existing %d",
                          (int)own->on_existing);
    return status;
}

static fm_status begin(const fm_gallery *gallery, const char *path,
                       const fm_transfer_options *options, const fm_transfer *out,
                       fm_transfer_options *own, fm_gallery_key *key, fm_error *err)
{
    fm_status status;
    if (!gallery || !path)
        return fail_null(err, gallery ? "path" : "gallery");
    if (!*path)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is empty");
    status = read_options(options, out, own, err);
    if (status == FM_OK && own->key) {
        status = fmi_key_read(key, own->key, err);
        own->key = key;
    }
    return status;
}

static fm_status check_writable(const fm_gallery *gallery, fm_error *err)
{
    if (gallery->mode == FM_GALLERY_READ_ONLY)
        return fmi_fail(err, FM_E_PERMISSION, "%s was opened read-only", gallery->store->name);
    return FM_OK;
}

fm_status fm_gallery_export(fm_gallery *gallery, const char *path,
                            const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    fm_transfer_options own;
    fm_gallery_key key;
    fm_transfer result = {0};
    fm_status status = begin(gallery, path, options, out, &own, &key, err);
    if (status == FM_OK)
        status = fmi_gallery_export(gallery, path, &own, &result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &result, sizeof result);
    return status;
}

fm_status fm_gallery_import(fm_gallery *gallery, const char *path,
                            const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    fm_transfer_options own;
    fm_gallery_key key;
    fm_transfer result = {0};
    fm_status status = begin(gallery, path, options, out, &own, &key, err);
    if (status == FM_OK)
        status = check_writable(gallery, err);
    if (status == FM_OK)
        status = fmi_gallery_import(gallery, path, &own, &result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &result, sizeof result);
    return status;
}

fm_status fm_gallery_compact(fm_gallery *gallery, fm_error *err)
{
    fm_status status;
    if (!gallery)
        return fail_null(err, "gallery");
    status = check_writable(gallery, err);
    return status == FM_OK ? fmi_gallery_compact(gallery, err) : status;
}

static fm_status check_servers(const fm_gallery *gallery, const char *const *servers, size_t n,
                               fm_error *err)
{
    if (!gallery || !servers)
        return fail_null(err, gallery ? "servers" : "gallery");
    if (n < 1 || n > FM_LIMIT_SHARDS)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu servers, expected 1..%d", n,
                        FM_LIMIT_SHARDS);
    for (size_t i = 0; i < n; i++)
        if (!servers[i])
            return fail_null(err, "servers[i]");
    return FM_OK;
}

fm_status fm_gallery_shard(fm_gallery *gallery, const char *const *servers, size_t n,
                           const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    fm_transfer_options own;
    fm_transfer result = {0};
    fm_status status = check_servers(gallery, servers, n, err);
    if (status == FM_OK)
        status = read_options(options, out, &own, err);
    if (status == FM_OK)
        status = check_writable(gallery, err);
    if (status == FM_OK)
        status = fmi_gallery_shard(gallery, servers, n, &own, &result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &result, sizeof result);
    return status;
}
