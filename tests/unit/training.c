#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "training.h"
#include <string.h>

static fm_error err = {sizeof err, 0, ""};

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

fm_model *fm_test_model(const char *archive)
{
    fm_model *model = NULL;
    ok(fm_model_load_memory(&model, archive, strlen(archive), NULL, &err));
    return model;
}

fm_status fm_test_trainer(fm_trainer **out, const char *archive, const fm_trainer_options *options,
                          fm_error *error)
{
    fm_model *model = fm_test_model(archive);
    fm_status status = fm_trainer_create(out, model, options, error);
    fm_model_free(model);
    return status;
}

fm_training_stats fm_test_stats(const fm_trainer *trainer)
{
    fm_training_stats stats = {.struct_size = sizeof stats};
    ok(fm_trainer_stats(trainer, &stats, &err));
    return stats;
}

fm_training_stats fm_test_train(fm_trainer *trainer)
{
    while (!fm_test_stats(trainer).finished)
        ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    return fm_test_stats(trainer);
}
