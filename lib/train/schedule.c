#include "train/trainer.h"
#include <math.h>

static const double PI = 3.14159265358979323846;

double fmi_schedule_rate(const fm_trainer_options *options, int32_t epoch)
{
    double rate = (double)options->learning_rate, done = epoch - 1;
    switch (options->schedule) {
    case FM_SCHEDULE_COSINE:
        return rate * (1 + cos(PI * done / options->epochs)) / 2;
    case FM_SCHEDULE_STEP:
        return rate * pow(0.1, floor(done / options->schedule_epochs));
    default:
        return rate;
    }
}
