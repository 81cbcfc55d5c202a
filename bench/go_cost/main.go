// Go_cost is one side of bench/binding_cost.py, in Go, as bench_binding.c is that in C:
//
//	cd bench/go_cost && go build -o ../../build/bin/go_cost . && cd ../..
//	.venv-tests/bin/python bench/binding_cost.py --go build/bin/go_cost
package main

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"log"
	"os"
	"strconv"
	"syscall"
	"time"

	"libfacematch/facematch"
)

const batch = 32

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// readCrops reads pictures of RGB, one after the other.
func readCrops(path string, width, height int) []*image.RGBA {
	data, pictures := must(os.ReadFile(path)), make([]*image.RGBA, batch)
	for i := range pictures {
		pictures[i] = image.NewRGBA(image.Rect(0, 0, width, height))
		for p := range width * height {
			copy(pictures[i].Pix[4*p:], data[3*p:3*p+3])
			pictures[i].Pix[4*p+3] = 255
		}
		data = data[3*width*height:]
	}
	return pictures
}

func embed(session *facematch.Session, pictures []*image.RGBA) [][]float32 {
	crops := make([]*facematch.Image, len(pictures))
	for i, picture := range pictures {
		crops[i] = must(facematch.FromImage(picture))
		defer crops[i].Close()
	}
	return must(session.EmbedAligned(context.Background(), crops))
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go_cost MODEL CROPS")
	}
	embedder := must(facematch.LoadModel(os.Args[1], nil))
	info := must(embedder.Info())
	pictures := readCrops(os.Args[2], info.InputWidth, info.InputHeight)
	session := must(facematch.NewSession(embedder, nil))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		started, cpu := time.Now(), processorTime()
		rows := embed(session, pictures)
		cpu, wall := processorTime()-cpu, time.Since(started)
		fmt.Printf("%.6f %.6f %s\n", wall.Seconds()*1e3, cpu.Seconds()*1e3,
			strconv.FormatFloat(float64(rows[0][0]), 'x', -1, 64))
	}
}
