package facematch_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"libfacematch/facematch"
)

// The examples run where there are real models: elsewhere what they print is printed for them.
func exampleFolders(instead string) (models, photos string, ok bool) {
	info, err := facematch.Build()
	if err == nil && info.Backend != "fake" {
		models = fromEnv("FACEMATCH_MODELS", "../../models")
		photos = fromEnv("FACEMATCH_PHOTOS", "../../build/photos")
		if _, err = os.Stat(filepath.Join(models, "default.pt")); err == nil {
			return models, photos, true
		}
	}
	fmt.Print(instead)
	return "", "", false
}

func Example() {
	models, photos, ok := exampleFolders("true")
	if !ok {
		return
	}
	embedder, err := facematch.LoadModel(models+"/default.pt", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer embedder.Close()
	detector, err := facematch.LoadModel(models+"/mtcnn.pt", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer detector.Close()
	session, err := facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	a, err := facematch.LoadImage(photos+"/obama.jpg", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := facematch.LoadImage(photos+"/obama2.jpg", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	v, err := session.Verify(a, b, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Match)
	// Output: true
}

func exampleModels(models string) (embedder, detector *facematch.Model) {
	return must(facematch.LoadModel(models+"/default.pt", nil)), must(facematch.LoadModel(models+"/mtcnn.pt", nil))
}

func exampleSession() (*facematch.Model, *facematch.Session, string) {
	models, photos, ok := exampleFolders("")
	if !ok {
		return nil, nil, ""
	}
	embedder, detector := exampleModels(models)
	return embedder, must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})), photos
}

func ExampleGallery() {
	embedder, session, photos := exampleSession()
	if session == nil {
		fmt.Print("obama\nobama 1\n")
		return
	}
	folder, err := os.MkdirTemp("", "facematch-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	people, err := facematch.OpenGallery(folder+"/people.fmg", embedder, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer people.Close()
	known, err := facematch.LoadImage(photos+"/obama.jpg", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer known.Close()
	if _, err := people.Enroll(session, "obama", known, nil); err != nil {
		log.Fatal(err)
	}

	asked, err := facematch.LoadImage(photos+"/obama2.jpg", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer asked.Close()
	found, err := people.Identify(session, asked, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, match := range found.Matches {
		fmt.Println(match.ID)
	}
	for identity, err := range people.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(identity.ID, identity.Templates)
	}
	// Output:
	// obama
	// obama 1
}

func ExampleError() {
	_, err := facematch.LoadImage("/absent.jpg", nil)
	var failure *facematch.Error
	if errors.Is(err, facematch.ErrNotFound) && errors.As(err, &failure) {
		fmt.Println(failure.Status)
	}
	// Output: FM_E_NOT_FOUND
}

func ExampleSession_EmbedBatch() {
	embedder, session, photos := exampleSession()
	if session == nil {
		fmt.Println("true false")
		return
	}
	var images []*facematch.Image
	for _, name := range []string{"obama.jpg", "obama2.jpg", "biden.jpg"} {
		image, err := facematch.LoadImage(filepath.Join(photos, name), nil)
		if err != nil {
			log.Fatal(err)
		}
		defer image.Close()
		images = append(images, image)
	}
	rows, err := session.EmbedBatch(context.Background(), images) // nil rows have no face
	if err != nil {
		log.Fatal(err)
	}
	same, err := embedder.Verify(rows[0], rows[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	strangers, err := embedder.Verify(rows[0], rows[2], nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(same.Match, strangers.Match)
	// Output: true false
}

func ExampleSession_Liveness() {
	models, photos, ok := exampleFolders("")
	if _, err := os.Stat(models + "/minifasnet.pt"); !ok || err != nil {
		fmt.Print("live none\nuncertain too_few\n")
		return
	}
	embedder, detector := exampleModels(models)
	judge, err := facematch.LoadModel(models+"/minifasnet.pt", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer judge.Close()
	checking, err := facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector, Liveness: judge})
	if err != nil {
		log.Fatal(err)
	}
	defer checking.Close()
	frame := must(facematch.LoadImage(photos+"/obama.jpg", nil))

	seen, err := checking.Liveness(frame, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(seen.Verdict, seen.Reason)

	frames := slices.Values([]*facematch.Image{frame})
	attempt, err := facematch.NewLivenessSequence(checking, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer attempt.Close()
	var together facematch.LivenessFusion
	for frame := range frames {
		if _, err := attempt.Add(checking, frame, nil); err != nil && !errors.Is(err, facematch.ErrNotFound) {
			log.Fatal(err)
		}
		if together, err = attempt.Result(); err != nil {
			log.Fatal(err)
		}
		if together.Decided {
			break
		}
	}
	fmt.Println(together.Verdict, together.Reason)
	// Output:
	// live none
	// uncertain too_few
}

func ExampleTrainer() {
	models, photos, ok := exampleFolders("")
	if _, err := os.Stat(models + "/mobilefacenet.pt"); !ok || err != nil {
		fmt.Print("epoch 1 of 2\nepoch 2 of 2\n64\n")
		return
	}
	_, detector := exampleModels(models)
	embedder := must(facematch.LoadModel(models+"/mobilefacenet.pt", nil))
	folder := must(os.MkdirTemp("", "facematch-"))
	defer os.RemoveAll(folder)
	ctx := context.Background()

	trainer, err := facematch.NewTrainer(embedder, &facematch.TrainerOptions{
		Detector: detector, Epochs: 2, PeoplePerBatch: 2, PhotographsPerPerson: 2, Freeze: []string{"all"}, HeadDim: 64,
		OnFinding: func(f facematch.Finding) { log.Println(f.Message) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer trainer.Close()
	for name, person := range map[string]string{"obama.jpg": "obama", "obama2.jpg": "obama", "biden.jpg": "biden"} {
		photo := must(facematch.LoadImage(filepath.Join(photos, name), nil))
		if err := trainer.Add(photo, person, name, facematch.RoleTrain); err != nil {
			log.Fatal(err)
		}
	}
	for stats, err := range trainer.Run(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("epoch", stats.Epoch, "of", stats.Epochs)
	}
	if err := trainer.Save(folder+"/mine.pt", &facematch.SaveOptions{Name: "mine"}); err != nil {
		log.Fatal(err)
	}
	mine := must(facematch.LoadModel(folder+"/mine.pt", nil))
	fmt.Println(must(mine.Info()).Dim)
	// Output:
	// epoch 1 of 2
	// epoch 2 of 2
	// 64
}
