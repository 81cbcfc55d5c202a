/* What the programs ask: photographs, comparisons that were made up, a run of training. */
#include "parity.h"
#include <math.h>

enum { PEOPLE = 100 };

const char *const photo_names[PHOTOS] = {"32bit.png",
                                         "biden.jpg",
                                         "obama.jpg",
                                         "obama2.jpg",
                                         "obama3.jpg",
                                         "obama_partial_face.jpg",
                                         "obama_partial_face2.jpg"};

const size_t enrolled[ENROLLED] = {FIRST_BIDEN, FIRST_OBAMA};
const char *const enrolled_ids[ENROLLED] = {"biden", "obama"};
const double fars[FARS] = {0.1, 0.01, 0.001};
const size_t frames[FRAMES] = {FIRST_OBAMA, FIRST_OBAMA + 1, FIRST_OBAMA + 2};

/* Who is who does not matter to what is computed, only that there are two with several. */
const size_t trained_on[TRAINED_ON] = {2, 3, 4, 1, 5, 0};
const char *const trained_people[TRAINED_ON] = {"obama", "obama",  "obama",
                                                "biden", "others", "others"};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Made up: one in ten genuine, two bells that overlap. */
void draw_comparisons(comparisons *c)
{
    uint32_t state = 10;
    for (size_t i = 0; i < COMPARISONS; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += draw(&state) / 16777216.0;
        c->genuine[i] = i % 10 == 0;
        c->scores[i] = (float)((sum - 6) * 0.12 + (c->genuine[i] ? 0.6 : 0.0));
        c->folds[i] = (int32_t)(i / 10 % 10);
        c->first[i] = (int32_t)(draw(&state) % PEOPLE);
        c->second[i] = c->genuine[i] ? c->first[i] : (c->first[i] + 1 + (int32_t)(i % 37)) % PEOPLE;
    }
    c->scores[15] = NAN;
}

/* A few steps of the last layers of a real network, which are quick, with all that is drawn by
 * chance. The rate is low enough that no machine's numbers collapse. */
void set_training_options(fm_trainer_options *options)
{
    static const char *const freeze[] = {"stem", "stem_act", "stem_depthwise", "stem_depthwise_act",
                                         "blocks"};
    fm_trainer_options_init(options, sizeof *options);
    options->freeze = freeze;
    options->freeze_count = sizeof freeze / sizeof *freeze;
    options->people_per_batch = 2;
    options->photographs_per_person = 2;
    options->epochs = 2;
    options->steps_per_epoch = 2;
    options->learning_rate = 1.0f / 16384;
    options->augmentation.flip = 0.5f;
    options->augmentation.shift = 0.125f;
    options->seed = 10;
}
