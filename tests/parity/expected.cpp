/* The same as expected.c through facematch.hpp: its text must be the same, too. */
#include "parity.h"
#include <cstdio>
#include <cstdlib>
#include <facematch/facematch.hpp>
#include <filesystem>

namespace fm = facematch;
using path = std::filesystem::path;

struct program {
    path models, folder;
    fm::model embedder, detector;
    fm::session session;
    std::vector<fm::image> photos;
    fm::embedded_batch batch;

    program(path models_in, const path &photos_in, path folder_in)
        : models(std::move(models_in)), folder(std::move(folder_in)),
          embedder(fm::model::load(models / "default.pt").value()),
          detector(fm::model::load(models / "mtcnn.pt").value()),
          session(fm::session::create(embedder, detector).value())
    {
        for (const char *name : photo_names)
            photos.push_back(fm::image::load(photos_in / name).value());
    }
    bool has_face(std::size_t photo) const
    {
        return batch.statuses[photo] == FM_OK;
    }
};

static void tell_photo(program &p, std::size_t index)
{
    const fm::image &photo = p.photos[index];
    const fm_image_info info = photo.info().value();
    const std::vector<std::uint8_t> rgb = photo.rgb().value();
    const fm_gate_report report = p.session.check(photo).value();
    const fm_status refusal = report.reason == FM_REFUSAL_NONE      ? FM_OK
                              : report.reason == FM_REFUSAL_NO_FACE ? FM_E_NOT_FOUND
                                                                    : FM_E_REFUSED;
    print_photo(index == 0, index, &info, rgb.data(), rgb.size(), &report, refusal);
    int first = 1;
    for (const fm_face &face : p.session.detect(photo).value()) {
        const fm_face_quality quality = p.session.quality(photo, &face).value();
        const fm::embedded one = p.session.embed(photo, &face).value();
        print_face(first, &face, &quality, one.vector.data(), one.vector.size());
        first = 0;
    }
    print_photo_end();
}

static void tell_photos(program &p)
{
    print_list("photographs");
    for (std::size_t i = 0; i < p.photos.size(); i++)
        tell_photo(p, i);
    print_list_end(0);
    p.batch = p.session.embed_batch(p.photos).value();
    print_list("batch");
    for (std::size_t i = 0; i < p.batch.size(); i++)
        print_row(i == 0, i, p.batch.statuses[i], p.batch.row(i).data(), p.batch.dim);
    print_list_end(0);
}

static void tell_verify(program &p)
{
    int first = 1;
    print_list("verify");
    for (std::size_t a = 0; a < PHOTOS; a++) {
        for (std::size_t b = a + 1; b < PHOTOS; b++) {
            if (!p.has_face(a) || !p.has_face(b))
                continue;
            const fm_verification v = p.session.verify(p.photos[a], p.photos[b]).value();
            print_verification(first, a, b, &v);
            first = 0;
        }
    }
    print_list_end(0);
}

static void tell_identify(program &p)
{
    int first = 1;
    auto gallery = fm::gallery::open(p.folder / "people.fmg", p.embedder).value();
    for (std::size_t i = 0; i < ENROLLED; i++)
        gallery.add(enrolled_ids[i], p.batch.row(enrolled[i])).value();
    print_enrolled();
    for (std::size_t i = 0; i < PHOTOS; i++) {
        if (!p.has_face(i))
            continue;
        const fm::identification found =
            gallery.identify(p.session, p.photos[i], MOST_MATCHES).value();
        print_identification(first, i, &found.details, found.matches.data(), found.matches.size());
        first = 0;
    }
    std::printf("]},\n");
}

static void tell_evaluation()
{
    static comparisons c;
    draw_comparisons(&c);
    print_comparisons(&c);
    const fm::pairs_evaluation pairs =
        fm::evaluate_pairs(c.scores, c.genuine, c.folds, fars).value();
    print_pairs(&pairs.report, pairs.tars.data());

    auto evaluation = fm::evaluation::create().value();
    evaluation.add(c.scores, c.genuine, c.first, c.second).value();
    const fm_evaluation_report report = evaluation.report().value();
    const fm_operating_point point = evaluation.at_fmr(0.01).value();
    const std::vector<fm_det_point> curve = evaluation.curve(POINTS).value();
    print_evaluation(&report, &point);
    print_curve(curve.data(), curve.size());
    print_calibration(evaluation.calibrate().value().c_str());
}

static void tell_frames(program &p, fm::session &session)
{
    print_list("frames");
    for (std::size_t i = 0; i < PHOTOS; i++) {
        const fm::result<fm_liveness_result> seen = session.liveness(p.photos[i]);
        if (seen.status() != FM_E_NOT_FOUND)
            (void)seen.value();
        print_frame(i == 0, i, seen.status(), seen ? &*seen : nullptr);
    }
    print_list_end(0);
    const fm::live_batch batch = session.liveness_batch(p.photos).value();
    print_list("batch");
    for (std::size_t i = 0; i < PHOTOS; i++)
        print_frame(i == 0, i, batch.statuses[i], &batch.results[i]);
    print_list_end(0);
}

static void tell_liveness(program &p)
{
    if (!std::filesystem::exists(p.models / "minifasnet.pt"))
        return print_no_liveness();
    auto liveness = fm::model::load(p.models / "minifasnet.pt").value();
    auto session = fm::session::create(p.embedder, p.detector, liveness).value();
    const fm_model_info info = liveness.info().value();
    print_liveness_start(&info);
    tell_frames(p, session);
    auto reporting = fm::make<fm_verify_options>();
    reporting.liveness = FM_LIVENESS_REPORT;
    const fm_verification v =
        session.verify(p.photos[FIRST_OBAMA], p.photos[FIRST_OBAMA + 1], reporting).value();
    print_liveness_verify(&v);

    auto attempt = fm::liveness_sequence::create(session).value();
    int first = 1;
    print_list("sequence");
    for (const std::size_t photo : frames) {
        const fm_liveness_result seen = attempt.add(session, p.photos[photo]).value();
        print_frame(first, photo, FM_OK, &seen);
        first = 0;
    }
    print_list_end(0);
    const fm_liveness_fusion fused = attempt.so_far().value();
    print_fusion(&fused);
}

static void tell_training(program &p)
{
    fm_trainer_options options;
    set_training_options(&options);
    auto model = fm::model::load(p.models / TRAINED_MODEL).value();
    auto trainer = fm::trainer::create(model, p.detector, options).value();
    for (std::size_t i = 0; i < TRAINED_ON; i++)
        trainer.add(p.photos[trained_on[i]], trained_people[i]).value();
    print_training_start(&options);
    int first = 1;
    for (bool finished = false; !finished;) {
        auto tell = [&](const fm_training_step &step) {
            print_step(first, &step);
            first = 0;
        };
        const fm_training_stats stats = trainer.epoch(tell).value();
        print_stats(first, &stats);
        finished = stats.finished;
    }
    print_list_end(0);

    trainer.save(p.folder / TRAINED_NAME).value();
    auto saved = fm::model::load(p.folder / TRAINED_NAME).value();
    auto session = fm::session::create(saved, p.detector).value();
    const fm_model_info info = saved.info().value();
    const fm::embedded one = session.embed(p.photos[FIRST_OBAMA]).value();
    print_trained(&info, one.vector.data(), one.vector.size());
}

static void tell_all(const char *models, const char *photos, const path &folder)
{
    program p(models, photos, folder);
    const fm_model_info embedder = p.embedder.info().value(), detector = p.detector.info().value();
    print_start(&embedder, &detector);
    tell_photos(p);
    tell_verify(p);
    tell_identify(p);
    tell_evaluation();
    tell_liveness(p);
    tell_training(p);
    print_end();
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/facematch-parity-XXXXXX";
    int status = 0;
    if (argc != 3 || !mkdtemp(folder)) {
        std::fprintf(stderr, "usage: parity_cpp MODELS PHOTOS\n");
        return 2;
    }
    try {
        tell_all(argv[1], argv[2], folder);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        status = 2;
    }
    std::filesystem::remove_all(folder);
    return std::fflush(stdout) == 0 && !std::ferror(stdout) ? status : 2;
}
