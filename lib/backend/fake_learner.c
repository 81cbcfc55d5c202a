/* Training of the stand-in: linear maps of 192 cells, one for each part, a head, a classifier.
 * fake.h tells the rules. */
#include "backend/fake.h"
#include "backend/fake_net.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include <stdio.h>
#include <string.h>

enum { CELLS = FMI_FAKE_CELLS, COLUMNS = FMI_FAKE_COLUMNS };

static const char STATE_MAGIC[8] = {'F', 'M', 'S', 'T', 'A', 'T', 'E', '1'};

/* A matrix among the parameters. */
typedef struct layer {
    float *weight; /* [outputs][inputs]; NULL: there is none */
    size_t outputs, inputs;
    bool frozen;
} layer;

struct fmi_learner {
    fmi_learner_config config;
    fmi_net *net;
    size_t count; /* of networks */
    layer matrix[FMI_FAKE_PARTS_MAX], bias[FMI_FAKE_PARTS_MAX];
    layer head, classes, extra;
    size_t parameters, dim; /* dim: of the network; features have head.outputs, if there is one */
    float *values, *speeds; /* [parameters] */
    float *largest;         /* [dim] */
    bool feature_max;
    /* of the last forward pass */
    size_t n, part;
    float *in, *outputs, *features; /* [n][cells or dim], [n][dim], [n][features] */
};

static size_t feature_count(const fmi_learner *l)
{
    return l->head.weight ? l->head.outputs : l->dim;
}

static size_t input_count(const fmi_learner *l)
{
    return l->config.skip_network ? l->dim : CELLS;
}

static void forget(fmi_learner *l)
{
    fmi_block_free(l->in);
    fmi_block_free(l->outputs);
    fmi_block_free(l->features);
    l->in = l->outputs = l->features = NULL;
    l->n = 0;
}

void fmi_fake_learner_free(fmi_learner *l)
{
    if (!l)
        return;
    forget(l);
    fmi_free(l->values);
    fmi_free(l->speeds);
    fmi_free(l->largest);
    fmi_free(l);
}

/* --- making ------------------------------------------------------------------------------------
 */

static bool names_part(const char *prefix, const char *name)
{
    size_t n = strlen(prefix);
    return strncmp(prefix, name, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* Does it name the layer of that network, or something above it? */
static bool names_layer(const fmi_learner *l, size_t part, const char *prefix, const char *end)
{
    const char *of = l->net->parts[part].name;
    char name[128];
    snprintf(name, sizeof name, "%s%slayer.%s", of, *of ? "." : "", end);
    return names_part(prefix, name);
}

static fm_status freeze(fmi_learner *l, fm_error *err)
{
    bool left = l->head.weight || l->classes.weight || l->extra.weight;
    for (size_t i = 0; i < l->config.freeze_count; i++) {
        const char *prefix = l->config.freeze[i];
        bool found = false;
        for (size_t k = 0; k < l->count; k++) {
            bool weight = names_layer(l, k, prefix, "weight");
            bool bias = names_layer(l, k, prefix, "bias");
            l->matrix[k].frozen |= weight;
            l->bias[k].frozen |= bias;
            found |= weight || bias;
        }
        if (!found)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the network has no layer \"%s\"", prefix);
    }
    for (size_t k = 0; k < l->count; k++)
        left |= !l->matrix[k].frozen || !l->bias[k].frozen;
    return left ? FM_OK : fmi_fail(err, FM_E_INVALID_ARGUMENT, "nothing is left to train");
}

static float *place(layer *out, float *rest, size_t outputs, size_t inputs)
{
    out->outputs = outputs;
    out->inputs = inputs;
    out->weight = outputs * inputs > 0 ? rest : NULL;
    return rest + outputs * inputs;
}

static fm_status make_room(fmi_learner *l, fm_error *err)
{
    const fmi_learner_config *c = &l->config;
    size_t head = (size_t)c->head_dim, features = head ? head : l->dim;
    size_t network = c->skip_network ? 0 : l->dim;
    float *rest;
    l->parameters =
        l->count * network * COLUMNS + head * l->dim + (size_t)c->classes * features + c->extra;
    l->values = fmi_calloc(l->parameters + 1, sizeof(float));
    l->speeds = fmi_calloc(l->parameters + 1, sizeof(float));
    l->largest = fmi_alloc_array(l->dim, sizeof(float));
    if (!l->values || !l->speeds || !l->largest)
        return fmi_fail_memory(err);
    rest = l->values;
    for (size_t k = 0; k < l->count; k++) {
        rest = place(&l->matrix[k], rest, network, CELLS);
        rest = place(&l->bias[k], rest, network, 1);
    }
    rest = place(&l->head, rest, head, l->dim);
    rest = place(&l->classes, rest, (size_t)c->classes, features);
    place(&l->extra, rest, c->extra, 1);
    return FM_OK;
}

static void fill_map(const fmi_learner *l, size_t part, fmi_random *random)
{
    const layer *matrix = &l->matrix[part], *bias = &l->bias[part];
    const fmi_part *as = &l->net->parts[part];
    for (size_t j = 0; j < matrix->outputs; j++) {
        for (size_t i = 0; i < CELLS; i++)
            matrix->weight[j * CELLS + i] = l->config.fresh ? (float)fmi_random_spread(random, 1)
                                                            : (float)fmi_fake_weight(as, j, i);
        bias->weight[j] = l->config.fresh ? (float)fmi_random_spread(random, 0.01)
                                          : (float)fmi_fake_weight(as, j, CELLS);
    }
}

static void fill_network(fmi_learner *l)
{
    fmi_random random = fmi_random_at(l->config.seed, 1, 0, 0);
    for (size_t k = 0; k < l->count; k++)
        fill_map(l, k, &random);
    for (size_t i = 0; i < l->dim; i++)
        l->largest[i] = 1;
}

static void fill_new_layers(fmi_learner *l)
{
    fmi_random random = fmi_random_at(l->config.seed, 2, 0, 0);
    for (size_t j = 0; j < l->head.outputs; j++)
        for (size_t i = 0; i < l->dim; i++)
            l->head.weight[j * l->dim + i] = j >= l->dim ? (float)fmi_random_spread(&random, 0.1)
                                             : i == j    ? 1
                                                         : 0;
    for (size_t i = 0; i < l->classes.outputs * l->classes.inputs; i++)
        l->classes.weight[i] = (float)fmi_random_spread(&random, 0.1);
}

static fm_status fill(fmi_learner *l, fm_error *err)
{
    fm_status status = make_room(l, err);
    if (status == FM_OK)
        status = freeze(l, err);
    if (status != FM_OK)
        return status;
    l->feature_max = l->net->feature_max;
    fill_network(l);
    fill_new_layers(l);
    l->config.freeze = l->config.parts = NULL; /* borrowed for the call */
    return FM_OK;
}

fm_status fmi_fake_learner_new(fmi_net *net, const fmi_learner_config *config, fmi_learner **out,
                               fm_error *err)
{
    fmi_learner *l;
    fm_status status;
    if (strcmp(config->device, "cpu") != 0)
        return fmi_fail(err, FM_E_DEVICE, "there is no device %s", config->device);
    for (size_t i = 0; i < config->part_count; i++)
        if (i >= net->count || strcmp(config->parts[i], net->parts[i].name) != 0)
            return fmi_fail(err, FM_E_CORRUPT, "the archive has no network \"%s\"",
                            config->parts[i]);
    if (config->fresh && net->fixed)
        return fmi_fail(err, FM_E_UNSUPPORTED, "the network cannot draw its weights");
    l = fmi_calloc(1, sizeof *l);
    if (!l)
        return fmi_fail_memory(err);
    l->config = *config;
    l->config.device = NULL;
    l->net = net;
    l->dim = (size_t)config->dim;
    l->count = config->part_count ? config->part_count : 1;
    status = fill(l, err);
    if (status != FM_OK) {
        fmi_fake_learner_free(l);
        return status;
    }
    *out = l;
    return FM_OK;
}

/* --- forward -----------------------------------------------------------------------------------
 */

static void apply(const layer *by, const float *in, size_t n, float *out)
{
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < by->outputs; j++) {
            double sum = 0;
            for (size_t i = 0; i < by->inputs; i++)
                sum += (double)by->weight[j * by->inputs + i] * (double)in[r * by->inputs + i];
            out[r * by->outputs + j] = (float)sum;
        }
}

/* One cell in fifty is left out. */
static void leave_out(const fmi_learner *l, uint64_t step, size_t row, float *cells)
{
    fmi_random random = fmi_random_at(l->config.seed, 3, step, row);
    for (size_t i = 0; i < CELLS; i++)
        cells[i] = fmi_random_below(&random, 50) == 0 ? 0 : cells[i] * (50.0f / 49.0f);
}

static void take_in(const fmi_learner *l, const float *in, const int64_t shape[4], float *out)
{
    size_t n = (size_t)shape[0], each = (size_t)(shape[1] * shape[2] * shape[3]);
    for (size_t r = 0; r < n; r++) {
        const fmi_fake_view view = {in + r * each, shape[2], shape[3]};
        if (l->config.skip_network)
            memcpy(out + r * l->dim, in + r * each, l->dim * sizeof *out);
        else
            fmi_fake_cells(&view, out + r * CELLS);
    }
}

static void run_network(const fmi_learner *l, size_t part, const float *in, size_t n, float *out)
{
    if (l->config.skip_network) {
        memcpy(out, in, n * l->dim * sizeof *out);
        return;
    }
    apply(&l->matrix[part], in, n, out);
    for (size_t i = 0; i < n * l->dim; i++)
        out[i] += l->bias[part].weight[i % l->dim];
}

static void run_head(const fmi_learner *l, const float *outputs, size_t n, float *features)
{
    if (l->head.weight)
        apply(&l->head, outputs, n, features);
    else
        memcpy(features, outputs, n * l->dim * sizeof *features);
}

static fm_status check_shape(const fmi_learner *l, const int64_t shape[4], fm_error *err)
{
    bool fits = l->config.skip_network
                    ? shape[1] == (int64_t)l->dim && shape[2] == 1 && shape[3] == 1
                    : shape[1] == FMI_FAKE_CHANNELS && shape[2] > 0 && shape[3] > 0;
    return shape[0] > 0 && fits ? FM_OK : fmi_fail(err, FM_E_BACKEND, "input of a wrong shape");
}

fm_status fmi_fake_learner_forward(fmi_learner *l, size_t part, uint64_t step, const float *in,
                                   const int64_t shape[4], float *features, float *logits,
                                   fm_error *err)
{
    size_t n = (size_t)shape[0];
    fm_status status = check_shape(l, shape, err);
    if (status != FM_OK)
        return status;
    forget(l);
    l->in = fmi_block_alloc(n * input_count(l) * sizeof(float));
    l->outputs = fmi_block_alloc(n * l->dim * sizeof(float));
    l->features = fmi_block_alloc(n * feature_count(l) * sizeof(float));
    if (!l->in || !l->outputs || !l->features) {
        forget(l);
        return fmi_fail_memory(err);
    }
    l->n = n;
    l->part = part;
    take_in(l, in, shape, l->in);
    for (size_t r = 0; r < n && !l->config.skip_network; r++)
        leave_out(l, step, r, l->in + r * CELLS);
    run_network(l, part, l->in, n, l->outputs);
    run_head(l, l->outputs, n, l->features);
    memcpy(features, l->features, n * feature_count(l) * sizeof *features);
    if (logits)
        apply(&l->classes, l->features, n, logits);
    return FM_OK;
}

fm_status fmi_fake_learner_run(fmi_learner *l, size_t part, const float *in, const int64_t shape[4],
                               float *out, fm_error *err)
{
    size_t n = (size_t)shape[0];
    float *cells, *outputs;
    fm_status status = check_shape(l, shape, err);
    if (status != FM_OK)
        return status;
    cells = fmi_block_alloc(n * input_count(l) * sizeof(float));
    outputs = fmi_block_alloc(n * l->dim * sizeof(float));
    if (cells && outputs) {
        take_in(l, in, shape, cells);
        run_network(l, part, cells, n, outputs);
        for (size_t i = 0; l->feature_max && !l->config.skip_network && i < n * l->dim; i++)
            outputs[i] /= l->largest[i % l->dim];
        run_head(l, outputs, n, out);
    } else {
        status = fmi_fail_memory(err);
    }
    fmi_block_free(cells);
    fmi_block_free(outputs);
    return status;
}

/* --- backward ----------------------------------------------------------------------------------
 */

/* From the gradient by a layer's outputs to those by its weights, and, if wanted, added to the one
 * by its inputs. */
static void go_back(const layer *by, const float *in, const float *gradient, size_t n,
                    float *by_weight, float *by_in)
{
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < by->outputs; j++)
            for (size_t i = 0; i < by->inputs; i++) {
                float g = gradient[r * by->outputs + j];
                by_weight[j * by->inputs + i] += g * in[r * by->inputs + i];
                if (by_in)
                    by_in[r * by->inputs + i] += g * by->weight[j * by->inputs + i];
            }
}

static void move(fmi_learner *l, const layer *which, const float *gradient, double rate)
{
    const fmi_learner_config *c = &l->config;
    float momentum = c->optimizer == FM_OPTIMIZER_SGD ? (float)c->momentum : 0;
    size_t from = (size_t)(which->weight - l->values), n = which->outputs * which->inputs;
    if (!which->weight || which->frozen)
        return;
    for (size_t i = from; i < from + n; i++) {
        l->speeds[i] =
            momentum * l->speeds[i] + gradient[i] + (float)c->weight_decay * l->values[i];
        l->values[i] -= (float)rate * l->speeds[i];
    }
}

static float *gradient_of(const fmi_learner *l, const layer *which, float *gradients)
{
    return gradients + (which->weight ? which->weight - l->values : 0);
}

/* gradients[parameters], then by features [n][features], then by outputs [n][dim] */
static void fill_gradients(const fmi_learner *l, const float *by_logits, float *gradients,
                           float *by_features, float *by_outputs)
{
    size_t n = l->n;
    if (by_logits)
        go_back(&l->classes, l->features, by_logits, n, gradient_of(l, &l->classes, gradients),
                by_features);
    if (l->head.weight)
        go_back(&l->head, l->outputs, by_features, n, gradient_of(l, &l->head, gradients),
                by_outputs);
    else
        memcpy(by_outputs, by_features, n * l->dim * sizeof *by_outputs);
    if (l->config.skip_network)
        return;
    go_back(&l->matrix[l->part], l->in, by_outputs, n,
            gradient_of(l, &l->matrix[l->part], gradients), NULL);
    for (size_t i = 0; i < n * l->dim; i++)
        gradient_of(l, &l->bias[l->part], gradients)[i % l->dim] += by_outputs[i];
}

fm_status fmi_fake_learner_step(fmi_learner *l, const float *features_gradient,
                                const float *logits_gradient, const float *extra_gradient,
                                double rate, fm_error *err)
{
    const layer *all[] = {&l->matrix[l->part], &l->bias[l->part], &l->head, &l->classes, &l->extra};
    size_t features = l->n * feature_count(l);
    float *gradients, *by_features;
    if (l->n == 0)
        return fmi_fail(err, FM_E_INTERNAL, "a step without a forward pass");
    gradients = fmi_block_alloc((l->parameters + features + l->n * l->dim) * sizeof(float));
    if (!gradients)
        return fmi_fail_memory(err);
    by_features = gradients + l->parameters;
    if (features_gradient)
        memcpy(by_features, features_gradient, features * sizeof *by_features);
    fill_gradients(l, logits_gradient, gradients, by_features, by_features + features);
    if (extra_gradient)
        memcpy(gradient_of(l, &l->extra, gradients), extra_gradient,
               l->config.extra * sizeof *gradients);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        move(l, all[i], gradients, rate);
    fmi_block_free(gradients);
    forget(l);
    return FM_OK;
}

/* --- what is known of it -----------------------------------------------------------------------
 */

fm_status fmi_fake_learner_extra(fmi_learner *l, float *out, fm_error *err)
{
    (void)err;
    memcpy(out, l->extra.weight, l->config.extra * sizeof *out);
    return FM_OK;
}

bool fmi_fake_learner_has_feature_max(const fmi_learner *l)
{
    return l->feature_max;
}

fm_status fmi_fake_learner_set_feature_max(fmi_learner *l, const float *largest, fm_error *err)
{
    (void)err;
    memcpy(l->largest, largest, l->dim * sizeof *largest);
    return FM_OK;
}

static size_t state_size(const fmi_learner *l)
{
    return sizeof STATE_MAGIC + (2 * l->parameters + l->dim) * sizeof(float);
}

fm_status fmi_fake_learner_state(const fmi_learner *l, void **out, size_t *size, fm_error *err)
{
    size_t values = l->parameters * sizeof(float);
    char *at = fmi_alloc(state_size(l));
    if (!at)
        return fmi_fail_memory(err);
    *out = at;
    *size = state_size(l);
    memcpy(at, STATE_MAGIC, sizeof STATE_MAGIC);
    memcpy(at += sizeof STATE_MAGIC, l->values, values);
    memcpy(at += values, l->speeds, values);
    memcpy(at + values, l->largest, l->dim * sizeof(float));
    return FM_OK;
}

fm_status fmi_fake_learner_restore(fmi_learner *l, const void *bytes, size_t size, fm_error *err)
{
    size_t values = l->parameters * sizeof(float);
    const char *at = bytes;
    if (size != state_size(l) || memcmp(bytes, STATE_MAGIC, sizeof STATE_MAGIC) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "the state is of another learner");
    memcpy(l->values, at += sizeof STATE_MAGIC, values);
    memcpy(l->speeds, at += values, values);
    memcpy(l->largest, at + values, l->dim * sizeof(float));
    forget(l);
    return FM_OK;
}

/* --- saving ------------------------------------------------------------------------------------
 */

/* The network's matrix, as it was or as it was trained, scaled as in evaluation mode. */
static double network_weight(const fmi_learner *l, size_t part, size_t row, size_t column)
{
    double value;
    if (l->config.skip_network)
        return fmi_fake_weight(&l->net->parts[part], row, column);
    value = (double)(column < CELLS ? l->matrix[part].weight[row * CELLS + column]
                                    : l->bias[part].weight[row]);
    return l->feature_max ? value / (double)l->largest[row] : value;
}

/* Head and network as one matrix. */
static void put_map(const fmi_learner *l, size_t part, float *out)
{
    for (size_t j = 0; j < feature_count(l); j++)
        for (size_t i = 0; i < COLUMNS; i++) {
            double sum = l->head.weight ? 0 : network_weight(l, part, j, i);
            for (size_t k = 0; l->head.weight && k < l->dim; k++)
                sum += (double)l->head.weight[j * l->dim + k] * network_weight(l, part, k, i);
            *out++ = (float)sum;
        }
}

static fm_status put_archive(const fmi_learner *l, bool same, const char *manifest, size_t length,
                             char **out, size_t *size, fm_error *err)
{
    size_t rows = l->count * feature_count(l), head;
    size_t trained = same ? 0 : rows * COLUMNS * sizeof(float);
    float *values = fmi_block_alloc(trained + 1);
    char line[64];
    if (!values)
        return fmi_fail_memory(err);
    head = (size_t)(same ? snprintf(line, sizeof line, "%s", FMI_FAKE_MAGIC)
                         : snprintf(line, sizeof line, "%s%zu\n", FMI_FAKE_TRAINED, rows));
    *size = head + trained + length;
    *out = fmi_alloc(*size);
    if (*out) {
        for (size_t k = 0; k < l->count && !same; k++)
            put_map(l, k, values + k * feature_count(l) * COLUMNS);
        memcpy(*out, line, head);
        memcpy(*out + head, values, trained);
        memcpy(*out + head + trained, manifest, length);
    }
    fmi_block_free(values);
    return *out ? FM_OK : fmi_fail_memory(err);
}

/* A network that was left alone, and has no head now, is the same archive as before. */
fm_status fmi_fake_learner_archive(const fmi_learner *l, const char *manifest, size_t length,
                                   void **out, size_t *size, fm_error *err)
{
    bool same = l->config.skip_network && !l->head.weight && !l->net->trained;
    char *bytes = NULL;
    size_t own = 0;
    fm_status status = put_archive(l, same, manifest, length, &bytes, &own, err);
    if (status != FM_OK)
        return status;
    *out = bytes;
    *size = own;
    return FM_OK;
}
