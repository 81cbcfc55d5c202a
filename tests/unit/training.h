/* Trainers in unit tests. What fails here fails the test. */
#ifndef FM_TEST_TRAINING_H
#define FM_TEST_TRAINING_H

#include <facematch/train.h>

/* Of the text of an archive of the fake backend; to be freed. */
fm_model *fm_test_model(const char *archive);
/* fm_trainer_create from such a text: the one call whose failure the caller sees. */
fm_status fm_test_trainer(fm_trainer **out, const char *archive, const fm_trainer_options *options,
                          fm_error *err);
fm_training_stats fm_test_stats(const fm_trainer *trainer);
/* To the last epoch. */
fm_training_stats fm_test_train(fm_trainer *trainer);

#endif
