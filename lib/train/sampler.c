#include "train/sampler.h"
#include "core/random.h"

enum { PEOPLE = 1, PHOTOGRAPHS = 2, SHUFFLE = 3 }; /* purposes of random numbers */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t people_at_once(const fmi_sampler *sampler)
{
    return smaller(sampler->people_per_batch, sampler->people);
}

size_t fmi_sampler_rows(const fmi_sampler *sampler)
{
    if (sampler->shuffled)
        return smaller(sampler->people_per_batch * sampler->photographs_per_person,
                       sampler->photographs);
    return people_at_once(sampler) * sampler->photographs_per_person;
}

size_t fmi_sampler_steps(const fmi_sampler *sampler)
{
    size_t rows = fmi_sampler_rows(sampler);
    return (sampler->photographs + rows - 1) / rows;
}

static void count_up(int32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (int32_t)i;
}

static int32_t label_of(const fmi_sampler *sampler, size_t row)
{
    size_t low = 0, high = sampler->people;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (sampler->first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return (int32_t)low;
}

/* The epoch goes through all photographs in random order, then again in another, and batches are
 * cut from that without a rest: all are of one size. */
static void draw_shuffled(const fmi_sampler *sampler, uint64_t epoch, uint64_t step, int32_t *rows,
                          int32_t *labels, int32_t *scratch)
{
    size_t n = sampler->photographs, batch = fmi_sampler_rows(sampler);
    uint64_t drawn = UINT64_MAX;
    for (size_t i = 0; i < batch; i++) {
        uint64_t at = step * batch + i;
        if (at / n != drawn) {
            fmi_random random = fmi_random_at(sampler->seed, SHUFFLE, epoch, drawn = at / n);
            count_up(scratch, n);
            fmi_random_draw(&random, scratch, n, n);
        }
        rows[i] = scratch[at % n];
        labels[i] = label_of(sampler, (size_t)rows[i]);
    }
}

/* The people of a batch. Each pass over them is in another order; those who do not fill a whole
 * batch at its end are left out of it, so that no one is in a batch twice. */
static void draw_people(const fmi_sampler *sampler, uint64_t epoch, uint64_t step, int32_t *people,
                        int32_t *scratch)
{
    size_t some = people_at_once(sampler), batches = sampler->people / some;
    fmi_random random = fmi_random_at(sampler->seed, PEOPLE, epoch, step / batches);
    size_t from = (size_t)(step % batches) * some;
    count_up(scratch, sampler->people);
    fmi_random_draw(&random, scratch, sampler->people, from + some);
    for (size_t i = 0; i < some; i++)
        people[i] = scratch[from + i];
}

/* All photographs of a person in random order, over and over until there are enough. */
static void draw_photographs(const fmi_sampler *sampler, int32_t person, fmi_random *random,
                             int32_t *rows, int32_t *scratch)
{
    size_t wanted = sampler->photographs_per_person, first = sampler->first[person];
    size_t n = sampler->first[person + 1] - first;
    count_up(scratch, n);
    for (size_t done = 0; done < wanted; done += n) {
        size_t some = smaller(n, wanted - done);
        fmi_random_draw(random, scratch, n, some);
        for (size_t i = 0; i < some; i++)
            rows[done + i] = (int32_t)first + scratch[i];
    }
}

void fmi_sampler_draw(const fmi_sampler *sampler, uint64_t epoch, uint64_t step, int32_t *rows,
                      int32_t *labels, int32_t *scratch)
{
    size_t some, each = sampler->photographs_per_person;
    fmi_random random = fmi_random_at(sampler->seed, PHOTOGRAPHS, epoch, step);
    if (sampler->shuffled) {
        draw_shuffled(sampler, epoch, step, rows, labels, scratch);
        return;
    }
    some = people_at_once(sampler);
    draw_people(sampler, epoch, step, rows, scratch);
    for (size_t i = some; i-- > 0;) /* from behind: rows holds the people yet */
        for (size_t k = 0; k < each; k++)
            labels[i * each + k] = rows[i];
    for (size_t i = 0; i < some; i++)
        draw_photographs(sampler, labels[i * each], &random, rows + i * each, scratch);
}
