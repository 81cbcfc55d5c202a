/* facematch.hpp, on the fake backend: each method, its failure, and that results and handles
 * behave. Compiled with exceptions, and without; check_hpp.sh looks that nothing is left out. */
#include <cmath>
#include <cstring>
#include <facematch/facematch.hpp>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <type_traits>

extern "C" {
#include "../api/support.h"
}

namespace fm = facematch;

static int failures;

static void check(bool condition, const char *what, int line)
{
    if (condition)
        return;
    std::cerr << "line " << line << ": " << what << "\n";
    failures++;
}
#define CHECK(condition) check((condition), #condition, __LINE__)

using pixels = std::vector<std::uint8_t>;

struct world {
    fm::model embedder, detector;
    std::vector<pixels> drawn;
    std::vector<fm::image> people; // borrows of drawn
    fm::image blank;

    world()
    {
        embedder = load(CALIBRATED);
        detector = load(DETECTOR);
        for (std::uint32_t i = 0; i < 5; i++) {
            drawn.emplace_back(std::size_t{3} * PHOTO_WIDTH * PHOTO_HEIGHT);
            draw_person(drawn.back().data(), i);
            if (i < 4)
                draw_square(drawn.back().data(), 120, 80, FACE_SIZE);
        }
        for (std::size_t i = 0; i < 4; i++)
            people.push_back(fm::image::borrow(drawn[i], PHOTO_WIDTH, PHOTO_HEIGHT).value());
        blank = fm::image::borrow(drawn[4], PHOTO_WIDTH, PHOTO_HEIGHT).value();
    }
    static fm::model load(const std::string &manifest)
    {
        const std::string text = FAKE_MAGIC + manifest;
        return fm::model::load_memory(pixels(text.begin(), text.end())).value();
    }
    fm::session session() const
    {
        return fm::session::create(embedder, detector).value();
    }
    fm::gallery gallery(const char *name) const
    {
        return fm::gallery::open(test_path(name), embedder).value();
    }
};

static fm_identify_options near_identity()
{
    fm_identify_options options = fm::make<fm_identify_options>();
    options.use_threshold = 1;
    options.threshold = 0.9999F;
    return options;
}

static fm_enroll_options without_gate()
{
    static const fm_gate_options off = [] {
        fm_gate_options gate = fm::make<fm_gate_options>();
        gate.off = 1;
        return gate;
    }();
    fm_enroll_options options = fm::make<fm_enroll_options>();
    options.gate = &off;
    return options;
}

static void test_results(const world &)
{
    fm::result<fm::image> absent = fm::image::load("/absent.jpg");
    CHECK(!absent && absent.status() == FM_E_NOT_FOUND);
    CHECK(absent.message().find("/absent.jpg") != std::string::npos);
    CHECK(absent.liveness().verdict == FM_LIVENESS_NOT_CHECKED);
#if defined(__cpp_exceptions)
    bool thrown = false;
    try {
        (void)absent.value();
    } catch (const fm::error &error) {
        thrown = error.status() == FM_E_NOT_FOUND && absent.message() == error.what();
    }
    CHECK(thrown);
#endif
    CHECK(!std::move(absent).value_or(fm::image()));
    fm::result<int> number(7);
    CHECK(number && *number == 7 && number.status() == FM_OK && number.message().empty());
    CHECK(std::move(number).value_or(8) == 7);
    int sum = 0;
    for (const int one : fm::result<std::vector<int>>(std::vector<int>(100, 3)).value())
        sum += one; // of a result that is gone
    CHECK(sum == 300);
    static_assert(!std::is_reference_v<decltype(fm::result<int>(7).value())>);
    static_assert(!std::is_reference_v<decltype(*fm::result<int>(7))>);
    fm::result<void> done, undone(fm::failure{FM_E_IO, "no"});
    CHECK(done && done.status() == FM_OK && !undone && undone.status() == FM_E_IO);
    done.value();
}

static void test_handles(const world &w)
{
    static_assert(!std::is_copy_constructible_v<fm::model>);
    static_assert(std::is_nothrow_move_constructible_v<fm::model>);
    static_assert(!std::is_convertible_v<fm::session &, fm::span<const fm::image>>);
    fm::session a = w.session(), b = std::move(a);
    CHECK(!a && b); // NOLINT: empty after a move is what is promised
    CHECK(a.detect(w.blank).status() == FM_E_INVALID_ARGUMENT);
    fm_session *raw = b.release();
    CHECK(raw && !b);
    b = fm::session(raw);
    CHECK(b.get() == raw && b.detect(w.blank).value().empty());
    const int array[] = {1, 2, 3};
    fm::span<const int> s = array;
    CHECK(s.size() == 3 && s[2] == 3 && s.end() - s.begin() == 3 && fm::span<int>().empty());
    CHECK(fm::make<fm_verify_options>().struct_size == sizeof(fm_verify_options));
    CHECK(std::strcmp(fm::build_info().value().backend, "fake") == 0);
}

static void test_images(const world &w)
{
    const std::string path = test_path("photo.png");
    w.people[0].save(path).value();
    fm::image photo = fm::image::load(path).value();
    CHECK(photo.info().value().width_px == PHOTO_WIDTH);
    CHECK(photo.rgb().value() == w.drawn[0]);
    FILE *file = std::fopen(path.c_str(), "rb");
    pixels bytes(1 << 20);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
    std::fclose(file);
    CHECK(fm::image::decode(bytes).value().rgb().value() == w.drawn[0]);
    fm_image_options small = fm::make<fm_image_options>();
    small.max_pixels = 10;
    CHECK(fm::image::decode(bytes, small).status() == FM_E_LIMIT);
    CHECK(fm::image::borrow(bytes, 9999, 9999).status() == FM_E_INVALID_ARGUMENT);
    CHECK(photo.save("/absent/photo.png").status() == FM_E_IO);
    CHECK(fm::image::load(std::string("a\0b", 3)).status() == FM_E_INVALID_ARGUMENT);
    const fm_face face = w.session().detect(photo).value().at(0);
    CHECK(photo.draw({&face, 1}).value().rgb().value() != w.drawn[0]);
    CHECK(!fm::image().info() && !fm::image().rgb());
}

static void test_models(const world &w)
{
    const fm_model_info info = w.embedder.info().value();
    CHECK(info.dim == DIM && std::strcmp(info.name, "calibrated") == 0);
    CHECK(w.embedder.threshold(1e-2).value() == 0.4F);
    CHECK(w.embedder.threshold(1e-9).status() == FM_E_LIMIT);
    CHECK(w.embedder.fmr(0.4F).value() < 0.011);
    const std::vector<float> a(DIM, 1.0F), b(DIM - 1, 1.0F);
    CHECK(w.embedder.compare(a, a).value() > 0.999F);
    CHECK(w.embedder.compare(a, b).status() == FM_E_INVALID_ARGUMENT);
    CHECK(w.embedder.compare(a, b).message() == "a and b differ in length");
    CHECK(w.embedder.verify(a, a).value().match == 1);
    CHECK(!w.embedder.verify(a, b));
    CHECK(fm::model::load("/absent.pt").status() == FM_E_NOT_FOUND);
}

static void test_faces(const world &w)
{
    fm::session session = w.session();
    const std::vector<fm_face> faces = session.detect(w.people[1]).value();
    CHECK(faces.size() == 1 && session.detect(w.blank).value().empty());
    const fm::image crop = session.align(w.people[1]).value();
    CHECK(crop.info().value().width_px == 32);
    CHECK(session.align(w.people[1], &faces[0]).value().rgb().value() == crop.rgb().value());
    CHECK(session.quality(w.people[1], &faces[0]).value().size_px > 50);
    CHECK(session.quality(w.blank).status() == FM_E_NOT_FOUND);
    CHECK(session.check(w.people[1]).value().reason == FM_REFUSAL_NONE);
    CHECK(session.check(w.blank).value().reason == FM_REFUSAL_NO_FACE);
    fm_gate_options dark = fm::make<fm_gate_options>();
    dark.min_brightness = 250;
    CHECK(session.check(w.people[1], dark).value().reason == FM_REFUSAL_TOO_DARK);
    CHECK(!fm::session().check(w.people[1]));
}

static void test_embeddings(const world &w)
{
    fm::session session = w.session();
    CHECK(session.dim() == DIM);
    const fm::embedded one = session.embed(w.people[1]).value();
    CHECK(one.vector.size() == DIM && one.face_count == 1 && one.face.width > 50);
    CHECK(session.embed(w.people[1], &one.face).value().vector == one.vector);
    CHECK(session.embed(w.blank).status() == FM_E_NOT_FOUND);

    std::vector<fm::image> photos;
    for (const std::size_t i : {1U, 4U, 2U})
        photos.push_back(fm::image::borrow(w.drawn[i], PHOTO_WIDTH, PHOTO_HEIGHT).value());
    const fm::embedded_batch batch = session.embed_batch(photos).value();
    CHECK(batch.size() == 3 && batch.dim == DIM);
    CHECK(batch.statuses[0] == FM_OK && batch.statuses[1] == FM_E_NOT_FOUND);
    CHECK(w.embedder.compare(batch.row(0), one.vector).value() > 0.9999F);
    CHECK(session.embed_batch({}).value().size() == 0);

    fm::session plain = fm::session::embedding_only(w.embedder).value();
    CHECK(plain.embed(w.people[1]).status() == FM_E_STATE);
    const fm::image crop = session.align(w.people[1]).value();
    const fm::floats aligned = plain.embed_aligned({&crop, 1}).value();
    CHECK(w.embedder.compare(aligned, one.vector).value() > 0.9999F);

    CHECK(session.verify(w.people[1], w.people[1]).value().match == 1);
    CHECK(session.verify(w.people[1], w.blank).status() == FM_E_NOT_FOUND);
    fm::session eyes = fm::session::detecting_only(w.detector).value();
    CHECK(eyes.dim() == 0 && eyes.detect(w.people[0]).value().size() == 1);
    CHECK(fm::session::create(w.detector, w.detector).status() == FM_E_INVALID_ARGUMENT);
}

/* A person before a camera: the fake net calls live what has much blue around the face. */
struct frame {
    pixels drawn;
    fm::image shown; // borrows of drawn

    explicit frame(std::uint8_t blue, bool face = true)
        : drawn(std::size_t{3} * PHOTO_WIDTH * PHOTO_HEIGHT)
    {
        draw_person(drawn.data(), 1);
        for (std::size_t i = 0; i < drawn.size(); i += 3) {
            drawn[i + 1] /= 4;
            drawn[i + 2] = blue;
        }
        if (face)
            draw_square(drawn.data(), 120, 80, FACE_SIZE);
        shown = fm::image::borrow(drawn, PHOTO_WIDTH, PHOTO_HEIGHT).value();
    }
};

static fm::session checking_session(const world &w)
{
    return fm::session::create(w.embedder, w.detector, world::load(LIVENESS)).value();
}

static void test_liveness(const world &w)
{
    fm::session session = checking_session(w);
    const frame live(255), spoof(0), empty(255, false);
    const fm_liveness_result seen = session.liveness(live.shown).value();
    CHECK(seen.verdict == FM_LIVENESS_LIVE && seen.reason == FM_LIVENESS_REASON_NONE);
    CHECK(session.liveness(spoof.shown, &seen.face).value().verdict == FM_LIVENESS_SPOOF);
    fm_liveness_options large = fm::make<fm_liveness_options>();
    large.min_size_px = 200;
    CHECK(session.liveness(live.shown, nullptr, large).value().reason ==
          FM_LIVENESS_REASON_TOO_SMALL);
    CHECK(session.liveness(empty.shown).status() == FM_E_NOT_FOUND);
    CHECK(w.session().liveness(live.shown).status() == FM_E_STATE);
    fm::session eyes = fm::session::create(fm::model(), w.detector, world::load(LIVENESS)).value();
    CHECK(eyes.dim() == 0 && eyes.liveness(live.shown).value().score == seen.score);
    CHECK(fm::session::create(w.embedder, w.detector, w.embedder).status() ==
          FM_E_INVALID_ARGUMENT);

    std::vector<fm::image> frames;
    for (const frame *one : {&live, &empty, &spoof})
        frames.push_back(fm::image::borrow(one->drawn, PHOTO_WIDTH, PHOTO_HEIGHT).value());
    const fm::live_batch batch = session.liveness_batch(frames).value();
    CHECK(batch.size() == 3 && batch.statuses[1] == FM_E_NOT_FOUND);
    CHECK(batch.results[0].score == seen.score);
    CHECK(batch.results[2].verdict == FM_LIVENESS_SPOOF);
    const std::vector<fm_face> faces(3, seen.face);
    CHECK(session.liveness_batch(frames, faces).value().statuses[1] == FM_OK);
    CHECK(session.liveness_batch(frames, {&seen.face, 1}).status() == FM_E_INVALID_ARGUMENT);
    CHECK(session.liveness_batch({}).value().size() == 0);
}

static void test_liveness_of_several_frames(const world &w)
{
    fm::session session = checking_session(w);
    const frame live(255);
    fm_liveness_sequence_options options = fm::make<fm_liveness_sequence_options>();
    options.min_frames = 2;
    options.max_frames = 3;
    options.still_difference = -1;
    auto attempt = fm::liveness_sequence::create(session, options).value();
    fm_liveness_fusion so_far = attempt.so_far().value();
    CHECK(so_far.reason == FM_LIVENESS_REASON_TOO_FEW && std::isnan(so_far.score));
    while (!so_far.decided) {
        CHECK(attempt.add(session, live.shown).value().verdict == FM_LIVENESS_LIVE);
        so_far = attempt.so_far().value();
    }
    CHECK(so_far.verdict == FM_LIVENESS_LIVE && so_far.used == so_far.frames);
    CHECK(attempt.add(session, live.shown).status() == FM_E_STATE);
    CHECK(fm::liveness_sequence::create(w.session()).status() == FM_E_STATE);
    CHECK(!fm::liveness_sequence().so_far());
}

/* What a decision that requires a live face says when it refuses, with exceptions and without. */
template <class T> static bool refused(const fm::result<T> &answer)
{
#if defined(__cpp_exceptions)
    try {
        (void)answer.value();
        return false;
    } catch (const fm::error &error) {
        if (error.liveness().verdict != FM_LIVENESS_SPOOF)
            return false;
    }
#endif
    return answer.status() == FM_E_NOT_LIVE && answer.liveness().verdict == FM_LIVENESS_SPOOF;
}

static void test_liveness_in_decisions(const world &w)
{
    fm::session session = checking_session(w);
    const frame live(255), spoof(0);
    fm_verify_options verify = fm::make<fm_verify_options>();
    verify.liveness = FM_LIVENESS_REQUIRE;
    CHECK(session.verify(spoof.shown, live.shown, verify).value().liveness.verdict ==
          FM_LIVENESS_LIVE);
    CHECK(refused(session.verify(live.shown, spoof.shown, verify)));

    fm::gallery gallery = w.gallery("live.fmg");
    fm_enroll_options enroll = without_gate();
    enroll.liveness = FM_LIVENESS_REQUIRE;
    CHECK(gallery.enroll(session, "anna", live.shown, enroll).value().templates == 1);
    CHECK(refused(gallery.enroll(session, "berta", spoof.shown, enroll)));
    CHECK(refused(gallery.verify(session, "anna", spoof.shown, verify)));
    fm_identify_options identify = near_identity();
    identify.liveness = FM_LIVENESS_REQUIRE;
    CHECK(refused(gallery.identify(session, spoof.shown, 5, identify)));
}

static void test_gallery(const world &w)
{
    fm::session session = w.session();
    fm::gallery gallery = w.gallery("people.fmg");
    fm_enroll_options options = without_gate();
    options.metadata_json = "{\"room\":7}";
    const fm_enrollment anna = gallery.enroll(session, "anna", w.people[0], options).value();
    CHECK(anna.new_identity == 1 && anna.templates == 1);
    const fm::floats berta = session.embed(w.people[1]).value().vector;
    CHECK(gallery.add("berta", berta).value().new_identity == 1);
    CHECK(gallery.add("berta", std::vector<float>(3)).status() == FM_E_INVALID_ARGUMENT);
    CHECK(gallery.add(std::string("ber\0ta", 6), berta).status() == FM_E_INVALID_ARGUMENT);
    CHECK(gallery.enroll(session, "c", w.blank).status() == FM_E_NOT_FOUND);
    CHECK(gallery.count().value().identities == 2 && gallery.info().value().templates == 2);

    CHECK(gallery.find("anna").value().templates == 1);
    CHECK(gallery.find("nobody").status() == FM_E_NOT_FOUND);
    CHECK(gallery.metadata("anna").value().find("room") != std::string::npos);
    CHECK(gallery.metadata("berta").value() == "{}");
    const std::vector<fm_template> templates = gallery.templates("berta").value();
    CHECK(templates.size() == 1);
    CHECK(gallery.embedding("berta", templates[0].template_id).value() == berta);
    CHECK(gallery.list().value().size() == 2 && gallery.list("anna", 5).value().size() == 1);
    std::string all;
    gallery.for_each([&](const fm_identity &one) { all += one.id; }).value();
    CHECK(all == "annaberta");

    const auto who = gallery.identify(session, w.people[0], 3, near_identity()).value();
    CHECK(who.matches.size() == 1 && std::strcmp(who.matches[0].id, "anna") == 0);
    CHECK(who.details.identities == 2 && who.details.face_count == 1);
    CHECK(gallery.identify(session, w.people[3], 3, near_identity()).value().matches.empty());
    fm::floats queries = berta;
    queries.insert(queries.end(), berta.begin(), berta.end());
    const auto found = gallery.search(queries, DIM, 2, near_identity()).value();
    CHECK(found.matches.size() == 2 && found.matches[1].size() == 1);
    CHECK(std::strcmp(found.matches[1][0].id, "berta") == 0);
    CHECK(gallery.search(queries, DIM + 1).status() == FM_E_INVALID_ARGUMENT);
    CHECK(gallery.search(queries, DIM, SIZE_MAX).status() == FM_E_INVALID_ARGUMENT);
    CHECK(gallery.verify(session, "anna", w.people[0]).value().match == 1);
    CHECK(gallery.verify(session, "nobody", w.people[0]).status() == FM_E_NOT_FOUND);
    CHECK(gallery.recall(10).value() == 1.0);

    gallery.remove_template("berta", templates[0].template_id).value();
    CHECK(gallery.templates("berta").value().empty());
    CHECK(gallery.remove("anna").value() == 1 && !gallery.remove("anna"));
    gallery.compact().value();
}

static void test_transfer_and_keys(const world &w)
{
    const std::string file = test_path("people.jsonl");
    const pixels bytes(FM_GALLERY_KEY_SIZE, 7);
    const fm_gallery_key key = fm::key_of_bytes(bytes);
    fm_gallery_options options = fm::make<fm_gallery_options>();
    options.key = &key;
    fm::gallery sealed = fm::gallery::open(test_path("sealed.fmg"), w.embedder, options).value();
    sealed.add("anna", std::vector<float>(DIM, 1.0F)).value();
    CHECK(sealed.info().value().sealed == 1);
    CHECK(sealed.export_to(file).value().identities == 1);
    CHECK(w.gallery("copy.fmg").import_from(file).value().templates == 1);
    CHECK(w.gallery("copy.fmg").import_from(file).status() == FM_E_EXISTS);
    CHECK(sealed.shard(std::vector<std::string>{"postgresql://a/b"}).status() == FM_E_UNSUPPORTED);

    const std::string path = test_path("sealed.fmg");
    CHECK(fm::gallery::manage(path).status() == FM_E_PERMISSION);
    CHECK(fm::gallery::manage(path, options).value().count().value().identities == 1);
    const std::string words = "open";
    CHECK(fm::key_of_passphrase(words).passphrase == words.c_str());
    const pixels other(FM_GALLERY_KEY_SIZE, 8);
    sealed.rekey(fm::key_of_bytes(other)).value();
    CHECK(fm::gallery::manage(path, options).status() == FM_E_PERMISSION);
}

static void test_evaluation(const world &)
{
    std::vector<float> scores;
    pixels genuine;
    for (int i = 0; i < 4000; i++) {
        const bool same = i % 2 == 0;
        scores.push_back(static_cast<float>((i * 37) % 100) / 100.0F + (same ? 0.8F : 0.0F));
        genuine.push_back(same);
    }
    const std::vector<double> fars = {0.1};
    const fm::pairs_evaluation pairs = fm::evaluate_pairs(scores, genuine, {}, fars).value();
    CHECK(pairs.report.pairs == 4000 && pairs.tars.size() == 1 && pairs.tars[0] > 0.5);
    CHECK(fm::evaluate_pairs(scores, {}).status() == FM_E_INVALID_ARGUMENT);

    fm::evaluation evaluation = fm::evaluation::create().value();
    CHECK(evaluation.report().status() == FM_E_STATE);
    evaluation.add(scores, genuine).value();
    CHECK(evaluation.add(scores, {}).status() == FM_E_INVALID_ARGUMENT);
    CHECK(evaluation.report().value().genuine == 2000);
    CHECK(evaluation.at_threshold(0.9F).value().fmr.trials == 2000);
    CHECK(evaluation.at_fmr(0.1).value().fmr.value <= 0.1);
    CHECK(evaluation.at_fmr(1e-6).status() == FM_E_LIMIT);
    CHECK(evaluation.curve(16).value().size() <= 16);
    const fm::score_histogram bars = evaluation.histogram(0, 2, 10).value();
    CHECK(bars.genuine.size() == 10 && bars.impostor[0] > 0);
    CHECK(evaluation.histogram(0, 2, SIZE_MAX).status() == FM_E_INVALID_ARGUMENT);
    const std::string text = evaluation.calibrate().value();
    CHECK(text.front() == '{' && text.back() == '}');
    const std::vector<float> live_and_not = {0.9F, 0.8F, 0.2F, 0.1F};
    const std::vector<std::int32_t> kinds = {0, 0, 1, 2};
    const std::string table = fm::calibrate_liveness(live_and_not, kinds).value();
    CHECK(table.front() == '{' && table.back() == '}');
    CHECK(fm::calibrate_liveness(live_and_not, {}).status() == FM_E_INVALID_ARGUMENT);
    std::vector<float> more(20, 0.9F);
    std::vector<std::int32_t> more_kinds(20, 0);
    for (std::size_t i = 0; i < 10; i++) {
        more[i] = 0.1F;
        more_kinds[i] = 1;
    }
    fm_liveness_options lax = fm::make<fm_liveness_options>();
    lax.apcer = lax.bpcer = 0.2;
    const std::string larger = fm::calibrate_liveness(more, more_kinds).value();
    const fm::verdict_thresholds lines = fm::liveness_thresholds(larger, lax).value();
    CHECK(lines.spoof <= lines.live && lines.live <= 1);
    CHECK(fm::liveness_thresholds(table).status() == FM_E_LIMIT);
    CHECK(fm::liveness_thresholds("[]").status() == FM_E_CORRUPT);
    CHECK(fm::calibrate_liveness({live_and_not.data(), 1}, {kinds.data(), 1}).status() ==
          FM_E_STATE);
}

static std::vector<std::string> told; // by on_finding

static fm_trainer_options training_options()
{
    fm_trainer_options options = fm::make<fm_trainer_options>();
    options.fresh = 1;
    options.people_per_batch = 4;
    options.photographs_per_person = 2;
    options.epochs = 2;
    options.seed = 7;
    options.on_finding = [](void *, const fm_finding *finding) { told.push_back(finding->person); };
    return options;
}

/* Six people with three photographs each, two of them left out. */
static void fill(fm::trainer &trainer)
{
    for (std::uint32_t i = 0; i < 18; i++) {
        const std::uint32_t person = i / 3;
        pixels drawn(std::size_t{3} * PHOTO_WIDTH * PHOTO_HEIGHT);
        draw_person(drawn.data(), person);
        draw_square(drawn.data(), 100 + 10 * static_cast<std::int32_t>(i % 3), 80, FACE_SIZE);
        const fm::image photo = fm::image::borrow(drawn, PHOTO_WIDTH, PHOTO_HEIGHT).value();
        trainer
            .add(photo, std::to_string(person), {}, person < 4 ? FM_ROLE_TRAIN : FM_ROLE_VALIDATION)
            .value();
    }
}

static fm::trainer filled(const world &w)
{
    fm::trainer made = fm::trainer::create(w.embedder, w.detector, training_options()).value();
    fill(made);
    return made;
}

static void test_training(const world &w)
{
    fm::trainer trainer = filled(w);
    trainer.add(w.people[3], "lonely", "lonely.jpg").value();
    CHECK(trainer.stats().value().epoch == 0);
    int steps = 0;
    fm_training_stats stats = trainer.epoch([&](const fm_training_step &) { steps++; }).value();
    CHECK(stats.epoch == 1 && stats.people == 5 && steps == stats.steps);
    CHECK(told == std::vector<std::string>{"lonely"});
    CHECK(trainer.check().value() <= 19);
    CHECK(trainer.epoch([](const fm_training_step &) { return true; }).status() == FM_E_CANCELED);
    stats = trainer.epoch().value();
    CHECK(stats.finished && trainer.epoch().status() == FM_E_STATE);

    const std::string path = test_path("mine.fake");
    fm_trainer_save_options options = fm::make<fm_trainer_save_options>();
    options.name = "mine";
    trainer.save(path, options).value();
    CHECK(trainer.save(path).status() == FM_E_EXISTS);
    CHECK(std::strcmp(fm::model::load(path).value().info().value().name, "mine") == 0);
#if defined(__cpp_exceptions)
    bool thrown = false;
    try {
        fm::trainer other = filled(w);
        (void)other.epoch([](const fm_training_step &) { throw std::runtime_error("enough"); });
    } catch (const std::runtime_error &error) {
        thrown = std::strcmp(error.what(), "enough") == 0;
    }
    CHECK(thrown);
#endif
}

static void test_training_on_frames(const world &w)
{
    fm_trainer_options options = fm::make<fm_trainer_options>();
    options.people_per_batch = 2;
    options.photographs_per_person = 2;
    options.epochs = 1;
    fm::trainer trainer = fm::trainer::create(world::load(LIVENESS), w.detector, options).value();
    const frame live(255), spoof(0);
    for (const char *person : {"anna", "berta"}) {
        trainer.add_frame(live.shown, FM_FRAME_LIVE, person).value();
        trainer.add_frame(spoof.shown, FM_FRAME_ATTACK, person, "print.jpg").value();
    }
    CHECK(trainer.add_frame(live.shown, 3, "anna").status() == FM_E_INVALID_ARGUMENT);
    fm_liveness_options large = fm::make<fm_liveness_options>();
    large.min_size_px = 200;
    options.liveness = &large;
    CHECK(fm::trainer::create(world::load(LIVENESS), w.detector, options)
              .value()
              .add_frame(live.shown, FM_FRAME_LIVE, "anna")
              .status() == FM_E_REFUSED);
    CHECK(trainer.add(live.shown, "anna").status() == FM_E_INVALID_ARGUMENT);
    const std::string cut("an\0na", 5);
    CHECK(trainer.add_frame(live.shown, FM_FRAME_LIVE, "anna", cut).status() ==
          FM_E_INVALID_ARGUMENT);
    CHECK(trainer.epoch().value().finished);
    trainer.save(test_path("live.fake")).value();
}

static void test_training_goes_on(const world &w)
{
    const std::string path = test_path("run.ckpt");
    fm::trainer whole = filled(w), first = filled(w), second = filled(w);
    CHECK(first.checkpoint(path).status() == FM_E_STATE);
    (void)whole.epoch().value();
    (void)first.epoch().value();
    first.checkpoint(path).value();
    second.resume(path).value();
    CHECK(second.epoch().value().loss == whole.epoch().value().loss);
    CHECK(second.resume(path).status() == FM_E_STATE);
}

static void test_training_mistakes(const world &w)
{
    CHECK(fm::trainer::create(w.detector).status() == FM_E_INVALID_ARGUMENT);
    fm_trainer_options options = training_options();
    options.margin = -1;
    CHECK(fm::trainer::create(w.embedder, options).status() == FM_E_INVALID_ARGUMENT);
    options.margin = 0;
    options.aligned = 1;
    fm::trainer trainer = fm::trainer::create(w.embedder, options).value();
    trainer.add(w.people[0], "anna").value();
    const std::string cut("an\0na", 5);
    CHECK(trainer.add(w.people[0], cut).status() == FM_E_INVALID_ARGUMENT);
    CHECK(trainer.add(w.people[0], "anna", cut).status() == FM_E_INVALID_ARGUMENT);
    CHECK(trainer.epoch().status() == FM_E_STATE);
    CHECK(!fm::trainer().stats() && !fm::trainer().epoch() && !fm::trainer().check());
}

static void run(void (*test)(const world &), const world &w)
{
#if defined(__cpp_exceptions)
    try {
        test(w);
    } catch (const std::exception &error) {
        std::cerr << "thrown: " << error.what() << "\n";
        failures++;
    }
#else
    test(w); // what would throw aborts
#endif
}

int main()
{
    if (make_test_folder() != 0)
        return 1;
    {
        const world w;
        for (const auto &test :
             {test_results, test_handles, test_images, test_models, test_faces, test_embeddings,
              test_liveness, test_liveness_of_several_frames, test_liveness_in_decisions,
              test_gallery, test_transfer_and_keys, test_evaluation, test_training,
              test_training_on_frames, test_training_goes_on, test_training_mistakes})
            run(test, w);
    }
    remove_test_folder();
    return failures != 0;
}
