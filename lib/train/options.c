#include "core/options.h"
#include "core/error.h"
#include "core/text.h"
#include "train/augment.h"
#include "train/trainer.h"
#include <math.h>

enum { NAME_MAX_BYTES = 255, ROWS_MOST = 4096 };

static void fill_int(int32_t *value, int32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void fill_defaults(fm_trainer_options *o, fm_model_kind kind)
{
    fill_int(&o->loss, kind == FM_MODEL_LIVENESS ? FM_LOSS_SOFTMAX : FM_LOSS_TRIPLET);
    fill_int(&o->mining, FM_MINING_BATCH_HARD);
    fill_int(&o->reduction, FM_REDUCTION_MEAN);
    fill_int(&o->people_per_batch, 8);
    fill_int(&o->photographs_per_person, 4);
    fill_int(&o->epochs, 30);
    fill_int(&o->optimizer, FM_OPTIMIZER_ADAM);
    fill_int(&o->schedule, FM_SCHEDULE_COSINE);
    fill_int(&o->schedule_epochs, 10);
    fill_int(&o->threads, 1);
    if (o->margin == 0)
        o->margin = 0.2f;
    if (o->learning_rate == 0)
        o->learning_rate = kind == FM_MODEL_LIVENESS ? 0.0001f : 0.001f;
    if (o->momentum == 0)
        o->momentum = 0.9f;
    else if (o->momentum < 0)
        o->momentum = 0;
    if (!o->device)
        o->device = "cpu";
}

static fm_status fail_range(const char *name, double value, const char *expected, fm_error *err)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_trainer_options.%s is %g, expected %s", name,
                    value, expected);
}

typedef struct range {
    const char *name;
    int32_t value, low, high;
} range;

static fm_status check_whole(const fm_trainer_options *o, fm_error *err)
{
    const range ranges[] = {
        {"loss", o->loss, FM_LOSS_TRIPLET, FM_LOSS_CHI_SQUARED},
        {"mining", o->mining, FM_MINING_BATCH_HARD, FM_MINING_ALL},
        {"reduction", o->reduction, FM_REDUCTION_MEAN, FM_REDUCTION_SUM},
        {"people_per_batch", o->people_per_batch, 2, 10000},
        {"photographs_per_person", o->photographs_per_person, 2, 1000},
        {"epochs", o->epochs, 1, 100000},
        {"steps_per_epoch", o->steps_per_epoch, 0, 10000000},
        {"optimizer", o->optimizer, FM_OPTIMIZER_ADAM, FM_OPTIMIZER_ADAGRAD},
        {"schedule", o->schedule, FM_SCHEDULE_COSINE, FM_SCHEDULE_STEP},
        {"schedule_epochs", o->schedule_epochs, 1, 100000},
        {"patience", o->patience, 0, 100000},
        {"fresh", o->fresh, 0, 1},
        {"head_dim", o->head_dim, 0, 65536},
        {"threads", o->threads, 1, 256},
        {"aligned", o->aligned, 0, 1},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].low || ranges[i].value > ranges[i].high)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "fm_trainer_options.%s is %d, expected %d..%d", ranges[i].name,
                            (int)ranges[i].value, (int)ranges[i].low, (int)ranges[i].high);
    if ((int64_t)o->people_per_batch * o->photographs_per_person > ROWS_MOST)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "a batch of %d people with %d photographs each has more than %d",
                        (int)o->people_per_batch, (int)o->photographs_per_person, ROWS_MOST);
    return FM_OK;
}

static fm_status check_real(const fm_trainer_options *o, fm_error *err)
{
    if (!(o->margin > 0 && o->margin <= 100))
        return fail_range("margin", (double)o->margin, "above 0, up to 100", err);
    if (!(o->learning_rate > 0 && isfinite(o->learning_rate)))
        return fail_range("learning_rate", (double)o->learning_rate, "above 0", err);
    if (!(o->momentum <= 1))
        return fail_range("momentum", (double)o->momentum, "up to 1", err);
    if (!(o->weight_decay >= 0 && isfinite(o->weight_decay)))
        return fail_range("weight_decay", (double)o->weight_decay, "0 or more", err);
    return fmi_augmentation_check(&o->augmentation, err);
}

static fm_status check_names(const fm_trainer_options *o, fm_error *err)
{
    fm_status status = fmi_text_check(o->device, 1, NAME_MAX_BYTES, "device", err);
    if (status == FM_OK && !o->freeze && o->freeze_count > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "freeze is NULL with a count of %zu",
                        o->freeze_count);
    for (size_t i = 0; i < o->freeze_count && status == FM_OK; i++)
        status = fmi_text_check(o->freeze[i], 1, NAME_MAX_BYTES, "a name in freeze", err);
    return status;
}

fm_status fmi_trainer_options_fill(fm_trainer_options *options, fm_model_kind kind, fm_error *err)
{
    fm_status status;
    fill_defaults(options, kind);
    status = check_whole(options, err);
    if (status == FM_OK)
        status = check_real(options, err);
    return status == FM_OK ? check_names(options, err) : status;
}
