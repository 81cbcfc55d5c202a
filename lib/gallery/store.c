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
