package main

import (
	"os"
	"path/filepath"

	"github.com/labelloop/labelloop/models"
)

// homes are the folders that may hold lib/ (native libraries) and models/ (the default models), in order: the one
// that LABELLOOP_DEPS names, the program's own (an unpacked archive), and .deps beside the program's folder (a
// checkout).
func homes() []string {
	var dirs []string
	if dir := os.Getenv("LABELLOOP_DEPS"); dir != "" {
		dirs = append(dirs, dir)
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dirs = append(dirs, filepath.Dir(exe), filepath.Join(filepath.Dir(exe), "..", ".deps"))
	}
	return dirs
}

// below gives the named folder of each home.
func below(name string) []string {
	var dirs []string
	for _, home := range homes() {
		dirs = append(dirs, filepath.Join(home, name))
	}
	return dirs
}

// registry searches the models that were imported, then those that came with the program.
func registry() models.Registry {
	dir := os.Getenv("LABELLOOP_MODELS")
	if dir == "" {
		if config, err := os.UserConfigDir(); err == nil {
			dir = filepath.Join(config, "labelloop", "models")
		}
	}
	var dirs []string
	if dir != "" {
		dirs = append(dirs, dir)
	}
	return models.Registry{Dirs: append(dirs, below("models")...)}
}
