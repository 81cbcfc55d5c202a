/* Trainers in unit tests. What fails here fails the test. */
#ifndef FM_TEST_TRAINING_H
#define FM_TEST_TRAINING_H

#include "core/memory.h"
#include "helpers.h"
#include <facematch/train.h>

/* Of the text of an archive of the fake backend; to be freed. */
fm_model *fm_test_model(const char *archive);
/* fm_trainer_create from such a text: the one call whose failure the caller sees. */
fm_status fm_test_trainer(fm_trainer **out, const char *archive, const fm_trainer_options *options,
                          fm_error *err);
fm_training_stats fm_test_stats(const fm_trainer *trainer);
/* To the last epoch. */
fm_training_stats fm_test_train(fm_trainer *trainer);

/* The call, which writes to the test's own `err`, with the first allocation failing, then the
 * second, until it has all that it needs. */
#define UNTIL_ENOUGH(call)                                                                         \
    do {                                                                                           \
        fm_status status_ = FM_E_NO_MEMORY;                                                        \
        for (long k_ = 0; status_ != FM_OK; k_++) {                                                \
            fmi_memory_fail_after(k_);                                                             \
            status_ = call;                                                                        \
            fmi_memory_fail_after(-1);                                                             \
            if (status_ != FM_OK)                                                                  \
                fm_assert_status(status_, FM_E_NO_MEMORY, &err);                                   \
            assert_true(k_ < 5000);                                                                \
        }                                                                                          \
    } while (0)

#endif
