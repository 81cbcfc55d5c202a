#include "backend/fake.h"
#include "backend/fake_net.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANNELS = FMI_FAKE_CHANNELS,
    GRID = FMI_FAKE_GRID,
    CELLS = FMI_FAKE_CELLS,
    WINDOW = 12, /* pixels that pnet looks at, and how far apart its windows are */
    WINDOW_STRIDE = 2,
    BOX_OUTPUTS = 5,
    FACE_OUTPUTS = 15,
    DIM_MAX = 65536
};

typedef fmi_fake_view view;

static const char *fake_version(void)
{
    return "1";
}

static bool fake_has_bfloat16(void)
{
    return false;
}

/* What lies where in an archive. */
typedef struct layout {
    size_t head;          /* bytes before the manifest: the line, and trained weights */
    const char *trained;  /* or NULL */
    size_t rows;          /* of them */
    const char *manifest; /* the rest */
    size_t length;        /* 0: none */
} layout;

static fm_status fail_archive(fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, "not a model file");
}

static fm_status find_trained(layout *out, const char *bytes, size_t size, fm_error *err)
{
    const char *at = bytes + sizeof FMI_FAKE_TRAINED - 1, *end = memchr(bytes, '\n', size);
    char *behind = NULL;
    unsigned long rows;
    if (!end)
        return fail_archive(err);
    rows = strtoul(at, &behind, 10);
    if (behind != end || rows < 1 || rows > DIM_MAX)
        return fail_archive(err);
    out->trained = end + 1;
    out->rows = (size_t)rows;
    out->head = (size_t)(out->trained - bytes) + rows * FMI_FAKE_COLUMNS * sizeof(float);
    return out->head <= size ? FM_OK : fail_archive(err);
}

static bool begins_with(const void *bytes, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

static fm_status open_archive(const void *bytes, size_t size, layout *out, fm_error *err)
{
    fm_status status = FM_OK;
    memset(out, 0, sizeof *out);
    out->head = sizeof FMI_FAKE_MAGIC - 1;
    if (begins_with(bytes, size, FMI_FAKE_TRAINED))
        status = find_trained(out, bytes, size, err);
    else if (!begins_with(bytes, size, FMI_FAKE_MAGIC))
        status = fail_archive(err);
    if (status != FM_OK)
        return status;
    out->manifest = (const char *)bytes + out->head;
    out->length = size - out->head;
    return FM_OK;
}

static fm_status fake_records(const void *bytes, size_t size, fmi_record_fn fn, void *user,
                              fm_error *err)
{
    layout archive;
    fm_status status = open_archive(bytes, size, &archive, err);
    if (status == FM_OK && archive.length > 0)
        status = fn(user, FMI_MANIFEST_RECORD, archive.manifest, archive.length, err);
    return status == FM_OK ? fn(user, "fake", bytes, archive.head, err) : status;
}

static void add_part(fmi_net *net, part_kind kind, const char *name, int32_t dim, size_t first_row)
{
    fmi_part *part = &net->parts[net->count++];
    part->kind = kind;
    part->dim = dim;
    part->first_row = first_row;
    memcpy(part->name, name, strlen(name) + 1);
}

static void add_detector(fmi_net *net)
{
    add_part(net, PNET, "pnet", 0, 0);
    add_part(net, RNET, "rnet", 0, 0);
    add_part(net, ONET, "onet", 0, 0);
}

/* What the library knows nothing of. */
static void read_fake_field(fmi_net *net, const char *text, size_t length)
{
    json_t *root = json_loadb(text, length, 0, NULL);
    const json_t *fake = json_object_get(root, "fake");
    net->feature_max = json_is_true(json_object_get(fake, "feature_max"));
    net->fixed = json_is_true(json_object_get(fake, "fixed"));
    json_decref(root);
}

static void add_liveness(fmi_net *net, const fmi_manifest *manifest)
{
    for (size_t i = 0; i < manifest->liveness.count; i++) {
        const fmi_liveness_net *one = &manifest->liveness.nets[i];
        add_part(net, LIVENESS, one->part, manifest->liveness.classes, 0);
        net->parts[net->count - 1].live = manifest->liveness.live;
        net->parts[net->count - 1].blue = one->input.bgr ? 0 : 2;
    }
}

static fm_status read_manifest(fmi_net *net, const char *text, size_t length, fm_error *err)
{
    fmi_manifest manifest;
    size_t row = 0;
    fm_status status = fmi_manifest_parse(&manifest, text, length, err);
    if (status != FM_OK)
        return status;
    net->kind = manifest.kind;
    for (size_t i = 0; i < manifest.embedding.count; i++) {
        const fmi_member *member = &manifest.embedding.members[i];
        add_part(net, EMBEDDER, member->part, member->dim, row);
        row += (size_t)member->dim;
    }
    if (net->kind == FM_MODEL_DETECTOR)
        add_detector(net);
    add_liveness(net, &manifest);
    fmi_manifest_dispose(&manifest);
    read_fake_field(net, text, length);
    return FM_OK;
}

static fm_status read_trained(fmi_net *net, const layout *archive, fm_error *err)
{
    size_t size = archive->rows * FMI_FAKE_COLUMNS * sizeof(float), rows = 0;
    if (!archive->trained)
        return FM_OK;
    for (size_t i = 0; i < net->count; i++)
        rows += (size_t)net->parts[i].dim;
    if ((net->count != 1 && net->kind != FM_MODEL_LIVENESS) || rows != archive->rows)
        return fmi_fail(err, FM_E_CORRUPT, "%zu rows are not the networks'", archive->rows);
    net->trained = fmi_alloc(size);
    if (!net->trained)
        return fmi_fail_memory(err);
    memcpy(net->trained, archive->trained, size);
    net->trained_rows = archive->rows;
    rows = 0;
    for (size_t i = 0; i < net->count; i++) {
        net->parts[i].trained = net->trained + rows * FMI_FAKE_COLUMNS;
        rows += (size_t)net->parts[i].dim;
    }
    return FM_OK;
}

static fm_status fill(fmi_net *net, const layout *archive, fm_error *err)
{
    fm_status status = FM_OK;
    if (archive->length > 0) {
        status = read_manifest(net, archive->manifest, archive->length, err);
    } else {
        add_part(net, EMBEDDER, "", 0, 0);
        add_detector(net);
    }
    return status == FM_OK ? read_trained(net, archive, err) : status;
}

static void fake_free(fmi_net *net)
{
    if (net)
        fmi_free(net->trained);
    fmi_free(net);
}

static fm_status fake_load(fmi_net **out, const void *bytes, size_t size, fm_error *err)
{
    layout archive;
    fmi_net *net;
    fm_status status = open_archive(bytes, size, &archive, err);
    if (status != FM_OK)
        return status;
    net = fmi_calloc(1, sizeof *net);
    if (!net)
        return fmi_fail_memory(err);
    status = fill(net, &archive, err);
    if (status != FM_OK) {
        fake_free(net);
        return status;
    }
    *out = net;
    return FM_OK;
}

static fm_status fake_prepare(fmi_net *net, const char *part, const fmi_part_config *config,
                              fmi_part **out, fm_error *err)
{
    if (config->precision != FM_PRECISION_FLOAT32)
        return fmi_fail(err, FM_E_UNSUPPORTED, "the fake backend computes in float32 only");
    for (size_t i = 0; i < net->count; i++)
        if (strcmp(part, net->parts[i].name) == 0) {
            *out = &net->parts[i];
            return FM_OK;
        }
    return fmi_fail(err, FM_E_CORRUPT, "the archive has no network \"%s\"", part);
}

/* A fixed number in [-1, 1) for each place of the matrix. */
static float matrix_entry(uint64_t row, uint64_t column)
{
    uint64_t z = fmi_mix((row * CELLS + column + 1) * 0x9E3779B97F4A7C15u);
    return (float)(z >> 40) / 8388608.0f - 1.0f;
}

/* The mean of the blue plane, less 127.5, over 16; nothing for classes but "live". */
static double liveness_weight(const fmi_part *part, size_t row, size_t column)
{
    const size_t plane = CELLS / CHANNELS;
    if (row != (size_t)part->live)
        return 0;
    if (column == CELLS)
        return -127.5 / 16;
    return column / plane == (size_t)part->blue ? 1 / (16 * (double)plane) : 0;
}

double fmi_fake_weight(const fmi_part *part, size_t row, size_t column)
{
    if (part->trained)
        return (double)part->trained[row * FMI_FAKE_COLUMNS + column];
    if (part->kind == LIVENESS)
        return liveness_weight(part, row, column);
    if (column == CELLS) /* not zero for a grey picture */
        return 0.01 * (double)matrix_entry(part->first_row + row, CELLS - 1);
    return (double)matrix_entry(part->first_row + row, column);
}

/* Cells share a border pixel where the size is not a multiple of GRID, so none is empty. */
static int64_t cell_begin(int64_t i, int64_t size)
{
    return i * size / GRID;
}

static int64_t cell_end(int64_t i, int64_t size)
{
    return ((i + 1) * size + GRID - 1) / GRID;
}

static float cell_mean(const view *v, int64_t channel, int64_t row, int64_t column)
{
    int64_t y0 = cell_begin(row, v->height), y1 = cell_end(row, v->height);
    int64_t x0 = cell_begin(column, v->width), x1 = cell_end(column, v->width);
    double sum = 0;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = x0; x < x1; x++)
            sum += v->planes[(channel * v->height + y) * v->width + x];
    return (float)(sum / (double)((y1 - y0) * (x1 - x0)));
}

void fmi_fake_cells(const view *v, float cells[CELLS])
{
    for (int64_t i = 0; i < CELLS; i++)
        cells[i] = cell_mean(v, i / (GRID * GRID), i / GRID % GRID, i % GRID);
}

static void embed(const fmi_part *part, const view *v, size_t dim, float *out)
{
    float cells[CELLS];
    fmi_fake_cells(v, cells);
    for (size_t j = 0; j < dim; j++) {
        double sum = fmi_fake_weight(part, j, CELLS);
        for (size_t i = 0; i < CELLS; i++)
            sum += fmi_fake_weight(part, j, i) * (double)cells[i];
        out[j] = (float)sum;
    }
}

/* How red a pixel is: 1 for (255, 0, 0), 0 for greys and all other colours. */
static double redness(const view *v, int64_t y, int64_t x)
{
    const float *p = v->planes + y * v->width + x;
    int64_t plane = v->height * v->width;
    double excess = (double)p[0] - fmax((double)p[plane], (double)p[2 * plane]);
    return fmin(fmax(excess / 1.99, 0), 1);
}

/* Where the red of a window lies, in fractions of the window's side. */
typedef struct blot {
    double side;               /* of the square with as much red */
    double x, y;               /* its centre */
    double edge;               /* share of red along the window's edge */
    double spread_x, spread_y; /* variance, relative to that of the square: 1 for a square */
} blot;

static blot find_blot(const view *v, int64_t y0, int64_t x0, int64_t side)
{
    double m = 0, mx = 0, my = 0, mxx = 0, myy = 0, edge = 0, n = (double)side;
    blot b = {0, 0.5, 0.5, 0, 0, 0};
    for (int64_t y = 0; y < side && y0 + y < v->height; y++)
        for (int64_t x = 0; x < side && x0 + x < v->width; x++) {
            double r = redness(v, y0 + y, x0 + x), cx = (double)x + 0.5, cy = (double)y + 0.5;
            m += r;
            mx += r * cx;
            my += r * cy;
            mxx += r * (cx * cx + 1.0 / 12);
            myy += r * (cy * cy + 1.0 / 12);
            if (x == 0 || y == 0 || x == side - 1 || y == side - 1)
                edge += r;
        }
    b.edge = edge / (4 * n - 4);
    if (m < 1)
        return b;
    b.side = sqrt(m) / n;
    b.x = mx / m / n;
    b.y = my / m / n;
    b.spread_x = (mxx / m - mx / m * (mx / m)) * 12 / m;
    b.spread_y = (myy / m - my / m * (my / m)) * 12 / m;
    return b;
}

static double squareness(const blot *b)
{
    double off = fmax(fabs(b->spread_x - 1), fabs(b->spread_y - 1));
    return fmin(fmax(1.2 - off, 0), 1);
}

/* Certain of a square in the middle that has room around; see fake.h. */
static double window_probability(const blot *b)
{
    double off_size = fabs(b->side - 0.57), off_centre = fmax(fabs(b->x - 0.5), fabs(b->y - 0.5));
    double p = 1 - 2.5 * off_size - 0.3 * off_centre;
    return fmax(p * squareness(b) * (1 - 2 * b->edge), 0);
}

static double crop_probability(const blot *b)
{
    return b->side * b->side;
}

static void regress(const blot *b, float shift[4])
{
    shift[0] = (float)(b->x - b->side / 2);
    shift[1] = (float)(b->y - b->side / 2);
    shift[2] = (float)(b->x + b->side / 2 - 1);
    shift[3] = (float)(b->y + b->side / 2 - 1);
}

static int64_t windows_along(int64_t size)
{
    return (size - 1) / 2 - 4; /* ceil((size - 2) / 2) - 4 */
}

static void propose(const view *v, float *out)
{
    int64_t rows = windows_along(v->height), columns = windows_along(v->width);
    int64_t plane = rows * columns;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            blot b = find_blot(v, WINDOW_STRIDE * i, WINDOW_STRIDE * j, WINDOW);
            float shift[4];
            regress(&b, shift);
            out[i * columns + j] = (float)window_probability(&b);
            for (int64_t k = 0; k < 4; k++)
                out[(k + 1) * plane + i * columns + j] = shift[k];
        }
}

static void judge(const view *v, size_t outputs, float *out)
{
    static const double points_x[] = {0.3, 0.7, 0.5, 0.35, 0.65};
    static const double points_y[] = {0.35, 0.35, 0.55, 0.75, 0.75};
    blot b = find_blot(v, 0, 0, v->width);
    out[0] = (float)crop_probability(&b);
    regress(&b, out + 1);
    for (size_t i = 0; i < 5 && outputs == FACE_OUTPUTS; i++) {
        out[BOX_OUTPUTS + i] = (float)(b.x + (points_x[i] - 0.5) * b.side);
        out[BOX_OUTPUTS + 5 + i] = (float)(b.y + (points_y[i] - 0.5) * b.side);
    }
}

static void judge_liveness(const fmi_part *part, const view *v, float *out)
{
    if (part->trained) {
        embed(part, v, (size_t)part->dim, out);
        return;
    }
    const float *plane = v->planes + part->blue * v->height * v->width;
    double sum = 0;
    for (int64_t i = 0; i < v->height * v->width; i++)
        sum += (double)plane[i];
    for (int32_t i = 0; i < part->dim; i++)
        out[i] = 0;
    out[part->live] = (float)((sum / (double)(v->height * v->width) - 127.5) / 16);
}

/* Floats that one picture gives; 0: the network cannot take such pictures. */
static size_t output_size(const fmi_part *part, const int64_t shape[4], size_t out_len)
{
    int64_t h = shape[2], w = shape[3];
    switch (part->kind) {
    case EMBEDDER:
        return part->dim ? (size_t)part->dim : out_len / (size_t)shape[0];
    case LIVENESS:
        return (size_t)part->dim;
    case PNET:
        return h < WINDOW || w < WINDOW
                   ? 0
                   : BOX_OUTPUTS * (size_t)windows_along(h) * (size_t)windows_along(w);
    case RNET:
        return h == 24 && w == 24 ? BOX_OUTPUTS : 0;
    default:
        return h == 48 && w == 48 ? FACE_OUTPUTS : 0;
    }
}

static void run_one(const fmi_part *part, const view *v, size_t outputs, float *out)
{
    if (part->kind == EMBEDDER)
        embed(part, v, outputs, out);
    else if (part->kind == LIVENESS)
        judge_liveness(part, v, out);
    else if (part->kind == PNET)
        propose(v, out);
    else
        judge(v, outputs, out);
}

static fm_status fake_run(fmi_part *part, int32_t threads, const float *in, const int64_t shape[4],
                          float *out, size_t out_len, fm_error *err)
{
    size_t n = (size_t)shape[0], picture, outputs;
    (void)threads;
    if (shape[0] < 1 || shape[1] != CHANNELS || shape[2] < 1 || shape[3] < 1)
        return fmi_fail(err, FM_E_BACKEND, "input of %lldx%lldx%lldx%lld: not pictures",
                        (long long)shape[0], (long long)shape[1], (long long)shape[2],
                        (long long)shape[3]);
    outputs = output_size(part, shape, out_len);
    if (outputs == 0)
        return fmi_fail(err, FM_E_BACKEND, "network \"%s\" cannot take pictures of %lldx%lld",
                        part->name, (long long)shape[3], (long long)shape[2]);
    if (n * outputs != out_len)
        return fmi_fail(err, FM_E_BACKEND, "the network gives %zu numbers where %zu are expected",
                        n * outputs, out_len);
    picture = CHANNELS * (size_t)shape[2] * (size_t)shape[3];
    for (size_t i = 0; i < n; i++) {
        view v = {in + i * picture, shape[2], shape[3]};
        run_one(part, &v, outputs, out + i * outputs);
    }
    return FM_OK;
}

const fmi_backend *fmi_backend_get(void)
{
    static const fmi_backend fake = {
        "fake",
        fake_version,
        fake_has_bfloat16,
        fake_records,
        fake_load,
        fake_free,
        fake_prepare,
        fake_run,
        fmi_fake_learner_new,
        fmi_fake_learner_free,
        fmi_fake_learner_forward,
        fmi_fake_learner_step,
        fmi_fake_learner_run,
        fmi_fake_learner_extra,
        fmi_fake_learner_has_feature_max,
        fmi_fake_learner_set_feature_max,
        fmi_fake_learner_state,
        fmi_fake_learner_restore,
        fmi_fake_learner_archive,
    };
    return &fake;
}
