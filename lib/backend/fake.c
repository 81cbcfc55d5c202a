#include "backend/fake.h"
#include "backend/backend.h"
#include "backend/manifest.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum {
    CHANNELS = 3,
    GRID = 8,
    CELLS = CHANNELS * GRID * GRID,
    WINDOW = 12, /* pixels that pnet looks at, and how far apart its windows are */
    WINDOW_STRIDE = 2,
    BOX_OUTPUTS = 5,
    FACE_OUTPUTS = 15
};

typedef enum part_kind { EMBEDDER, PNET, RNET, ONET, LIVENESS } part_kind;

enum { PARTS_MAX = FMI_MEMBERS_MAX + 4 };

struct fmi_part {
    part_kind kind;
    int32_t dim;      /* of the embedder; 0: whatever is asked for. Classes of a liveness net */
    int32_t live;     /* the class that means so */
    int64_t blue;     /* the plane it looks at */
    size_t first_row; /* of the matrix: a bundle's members differ */
    char name[64];
};

struct fmi_net {
    fm_model_kind kind; /* 0: no manifest */
    size_t count;
    fmi_part parts[PARTS_MAX];
};

/* One picture of the input. */
typedef struct view {
    const float *planes;
    int64_t height, width;
} view;

static const char *fake_version(void)
{
    return "1";
}

static bool fake_has_bfloat16(void)
{
    return false;
}

/* The manifest within the archive; *length 0: none. */
static fm_status open_archive(const void *bytes, size_t size, const char **manifest, size_t *length,
                              fm_error *err)
{
    const size_t head = sizeof FMI_FAKE_MAGIC - 1;
    if (size < head || memcmp(bytes, FMI_FAKE_MAGIC, head) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "not a model file");
    *manifest = (const char *)bytes + head;
    *length = size - head;
    return FM_OK;
}

static fm_status fake_records(const void *bytes, size_t size, fmi_record_fn fn, void *user,
                              fm_error *err)
{
    const char *manifest = NULL;
    size_t length = 0;
    fm_status status = open_archive(bytes, size, &manifest, &length, err);
    if (status == FM_OK && length > 0)
        status = fn(user, FMI_MANIFEST_RECORD, manifest, length, err);
    return status == FM_OK ? fn(user, "fake", FMI_FAKE_MAGIC, sizeof FMI_FAKE_MAGIC - 1, err)
                           : status;
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
    return FM_OK;
}

static fm_status fill(fmi_net *net, const char *manifest, size_t length, fm_error *err)
{
    if (length > 0)
        return read_manifest(net, manifest, length, err);
    add_part(net, EMBEDDER, "", 0, 0);
    add_detector(net);
    return FM_OK;
}

static fm_status fake_load(fmi_net **out, const void *bytes, size_t size, fm_error *err)
{
    const char *manifest = NULL;
    size_t length = 0;
    fmi_net *net;
    fm_status status = open_archive(bytes, size, &manifest, &length, err);
    if (status != FM_OK)
        return status;
    net = fmi_calloc(1, sizeof *net);
    if (!net)
        return fmi_fail_memory(err);
    status = fill(net, manifest, length, err);
    if (status != FM_OK) {
        fmi_free(net);
        return status;
    }
    *out = net;
    return FM_OK;
}

static void fake_free(fmi_net *net)
{
    fmi_free(net);
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

/* A fixed number in [-1, 1) for each place of the matrix (splitmix64). */
static float matrix_entry(uint64_t row, uint64_t column)
{
    uint64_t z = (row * CELLS + column + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (float)(z >> 40) / 8388608.0f - 1.0f;
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

static void embed(const view *v, size_t row, size_t dim, float *out)
{
    float cells[CELLS];
    for (int64_t i = 0; i < CELLS; i++)
        cells[i] = cell_mean(v, i / (GRID * GRID), i / GRID % GRID, i % GRID);
    for (size_t j = 0; j < dim; j++) {
        double sum =
            0.01 * (double)matrix_entry(row + j, CELLS - 1); /* not zero for a grey picture */
        for (size_t i = 0; i < CELLS; i++)
            sum += (double)matrix_entry(row + j, i) * (double)cells[i];
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
        embed(v, part->first_row, outputs, out);
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
        "fake",    fake_version, fake_has_bfloat16, fake_records,
        fake_load, fake_free,    fake_prepare,      fake_run,
    };
    return &fake;
}
