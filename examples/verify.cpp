/* verify A B: are two photographs of one person? Exit status 0 yes, 1 no, 2 error.
 *
 * With exceptions: value() throws what a call has to say about its failure. */
#include <facematch/facematch.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

static std::string model_path(const std::string &name)
{
    const char *folder = std::getenv("FACEMATCH_MODELS");
    return std::string(folder ? folder : "models") + "/" + name + ".pt";
}

static bool same_person(const std::string &first, const std::string &second)
{
    auto embedder = facematch::model::load(model_path("default")).value();
    auto detector = facematch::model::load(model_path("mtcnn")).value();
    auto session = facematch::session::create(embedder, detector).value();
    auto a = facematch::image::load(first).value();
    auto b = facematch::image::load(second).value();

    fm_verification v = session.verify(a, b).value();
    std::printf("%s: score %.3f, fmr %.1e\n", v.match ? "same" : "others", v.score, v.fmr);
    return v.match;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: verify A B\n");
        return 2;
    }
    try {
        return same_person(argv[1], argv[2]) ? 0 : 1;
    } catch (const facematch::error &error) {
        std::fprintf(stderr, "%s: %s\n", fm_status_name(error.status()), error.what());
        return 2;
    }
}
