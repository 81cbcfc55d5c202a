/* The one spelling of a manifest's identity. tools/models writes the same bytes in Python. */
#include "backend/fields.h"
#include "backend/manifest.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text that grows. Once memory ran out it takes no more. */
typedef struct writer {
    char *text;
    size_t length, capacity;
    bool failed;
} writer;

static void write_bytes(writer *w, const char *bytes, size_t n)
{
    if (w->failed)
        return;
    if (n >= w->capacity - w->length) {
        size_t capacity = 2 * (w->length + n) + 256;
        char *text = fmi_realloc(w->text, capacity);
        if (!text) {
            w->failed = true;
            return;
        }
        w->text = text;
        w->capacity = capacity;
    }
    memcpy(w->text + w->length, bytes, n);
    w->length += n;
    w->text[w->length] = '\0';
}

static void write_text(writer *w, const char *text)
{
    write_bytes(w, text, strlen(text));
}

static void write_string(writer *w, const char *text)
{
    write_text(w, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            write_text(w, "\\");
        write_bytes(w, text, 1);
    }
    write_text(w, "\"");
}

/* printf writes the decimal point of the process's locale, which may be several bytes. */
static void write_fraction(writer *w, double value)
{
    static const char plain[] = "+-0123456789e";
    char text[64];
    const char *p = text;
    snprintf(text, sizeof text, "%.9g", value);
    while (*p) {
        size_t n = strspn(p, plain);
        write_bytes(w, p, n);
        p += n;
        n = strcspn(p, plain);
        if (n > 0)
            write_text(w, ".");
        p += n;
    }
}

static void write_number(writer *w, const json_t *number)
{
    static const double exact = 9007199254740992.0; /* 2^53 */
    double value = json_number_value(number);
    char text[32];
    if (fabs(value) >= exact || value != trunc(value)) {
        write_fraction(w, value);
        return;
    }
    snprintf(text, sizeof text, "%lld", (long long)value);
    write_text(w, text);
}

static void write_value(writer *w, const json_t *value);

static void write_array(writer *w, const json_t *array)
{
    size_t n = json_array_size(array);
    write_text(w, "[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            write_text(w, ",");
        write_value(w, json_array_get(array, i));
    }
    write_text(w, "]");
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b); /* as unsigned bytes */
}

/* The keys in bytewise order; NULL when memory ran out. */
static const char **sorted_keys(const json_t *object)
{
    size_t n = 0;
    const char **keys = fmi_alloc_array(json_object_size(object), sizeof *keys);
    json_t *o = (json_t *)(uintptr_t)object; /* jansson's iterators are not const, but only read */
    if (!keys)
        return NULL;
    for (void *i = json_object_iter(o); i; i = json_object_iter_next(o, i))
        keys[n++] = json_object_iter_key(i);
    qsort(keys, n, sizeof *keys, compare_keys);
    return keys;
}

static void write_object(writer *w, const json_t *object)
{
    size_t n = json_object_size(object);
    const char **keys = sorted_keys(object);
    if (!keys) {
        w->failed = true;
        return;
    }
    write_text(w, "{");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            write_text(w, ",");
        write_string(w, keys[i]);
        write_text(w, ":");
        write_value(w, json_object_get(object, keys[i]));
    }
    write_text(w, "}");
    fmi_free(keys);
}

static void write_value(writer *w, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(w, value);
        break;
    case JSON_ARRAY:
        write_array(w, value);
        break;
    case JSON_STRING:
        write_string(w, json_string_value(value));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        write_number(w, value);
        break;
    case JSON_TRUE:
        write_text(w, "true");
        break;
    case JSON_FALSE:
        write_text(w, "false");
        break;
    case JSON_NULL:
        write_text(w, "null");
        break;
    }
}

static void write_identity(writer *w, const json_t *manifest)
{
    static const char *const keys[] = {"alignment", "embedding", "input", "metric",
                                       "metric_weights"};
    const char *before = "{";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(manifest, keys[i]);
        if (!value)
            continue;
        write_text(w, before);
        write_string(w, keys[i]);
        write_text(w, ":");
        write_value(w, value);
        before = ",";
    }
    write_text(w, *before == '{' ? "{}" : "}");
}

fm_status fmi_manifest_canonical(char **out, const char *text, size_t length, fm_error *err)
{
    writer w = {NULL, 0, 0, false};
    json_t *root = NULL;
    fm_status status = fmi_fields_open(&root, text, length, err);
    if (status != FM_OK)
        return status;
    write_identity(&w, root);
    json_decref(root);
    if (w.failed) {
        fmi_free(w.text);
        return fmi_fail_memory(err);
    }
    *out = w.text;
    return FM_OK;
}
