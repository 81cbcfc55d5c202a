/* Varying a photograph, so that no network sees it twice the same. */
#ifndef FMI_AUGMENT_H
#define FMI_AUGMENT_H

#include "core/random.h"
#include "image/image.h"
#include <facematch/train.h>
#include <stdbool.h>

fm_status fmi_augmentation_check(const fm_augmentation *augmentation, fm_error *err);
bool fmi_augmentation_any(const fm_augmentation *augmentation);

/* A new picture of the same size. What comes in at its edges when it is moved is as its border. */
fm_status fmi_augment(fm_image **out, const fm_image *image, const fm_augmentation *augmentation,
                      fmi_random random, fm_error *err);

#endif
