/* What every kind of store says and does alike. */
#include "gallery/store.h"
#include "core/error.h"
#include "core/memory.h"
#include <string.h>

fm_status fmi_store_no_identity(const char *id, fm_error *err)
{
    return fmi_fail(err, FM_E_NOT_FOUND, "there is no identity %s", id);
}

fm_status fmi_store_no_template(const char *id, int64_t template_id, fm_error *err)
{
    if (template_id == 0)
        return fmi_fail(err, FM_E_NOT_FOUND, "identity %s has no templates", id);
    return fmi_fail(err, FM_E_NOT_FOUND, "identity %s has no template %lld", id,
                    (long long)template_id);
}

fm_status fmi_store_check_pin(const fmi_store *store, const fmi_pin *model, fm_error *err)
{
    const fmi_pin *pin = &store->pin;
    fm_status status = FM_OK;
    if (!model)
        return FM_OK;
    if (strcmp(pin->model_id, model->model_id))
        status = fmi_fail(
            err, FM_E_MODEL_MISMATCH,
            "the gallery was made with model %s (%.12s) and cannot be used with %s (%.12s)",
            pin->model_name, pin->model_id, model->model_name, model->model_id);
    else if (pin->dim != model->dim || pin->metric != model->metric)
        status = fmi_fail(err, FM_E_CORRUPT, "dimension or metric are not those of its model");
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", store->name);
}

fm_identity *fmi_page_place(fmi_page *page, fm_error *err)
{
    if (page->count == page->room) {
        size_t room = page->room ? 2 * page->room : 16, bytes;
        fm_identity *items =
            fmi_mul_overflows(room, sizeof *items, &bytes) ? NULL : fmi_realloc(page->items, bytes);
        if (!items) {
            fmi_fail_memory(err);
            return NULL;
        }
        page->items = items;
        page->room = room;
    }
    memset(&page->items[page->count], 0, sizeof *page->items);
    return &page->items[page->count];
}

void fmi_page_hand_over(fmi_page *page, fm_identity *out, size_t *count)
{
    if (page->count)
        memcpy(out, page->items, page->count * sizeof *out);
    *count = page->count;
}
