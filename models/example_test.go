package models_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/labelloop/labelloop/models"
)

func ExampleOpen() {
	m, err := models.Open("../testdata/models/bert-single")
	if err != nil {
		log.Fatal(err)
	}
	_, precision, err := m.Graph("", "auto")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Manifest.Name, "does", m.Manifest.Task, "in", precision)
	fmt.Println(m.Manifest.Labels[:3])
	// Output:
	// bert-single does text-classification in fp32
	// [joy anger mild surprise]
}

func ExampleRegistry() {
	dir, err := os.MkdirTemp("", "registry-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	registry := models.Registry{Dirs: []string{dir}}

	imported, err := registry.Import(context.Background(), "../testdata/models/bert-nli", "nli")
	if err != nil {
		log.Fatal(err)
	}
	found, err := registry.Find("nli")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.String() == imported.String(), found.Verify())

	_, err = registry.Find("nil")
	fmt.Println(errors.Is(err, models.ErrNotFound))
	// Output:
	// true <nil>
	// true
}
