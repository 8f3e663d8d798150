package ort

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/label"
)

// heavy are parts of the names of operators that do nearly all of a network's work. That others are left to the CPU is usual: the
// runtime computes shapes there by choice, which is why it is not told to refuse every node (session.disable_cpu_ep_fallback).
var heavy = []string{"MatMul", "Gemm", "Conv", "Attention"}

// event is one of the runtime's profile: a node's run.
type event struct {
	Category string `json:"cat"`
	Name     string `json:"name"` // the node's, with _kernel_time behind it
	Args     struct {
		Operator string `json:"op_name"`
		Provider string `json:"provider"`
	} `json:"args"`
}

// requirePlacement fails where matrix products or convolutions of the graph are left to the CPU. Which provider a node was given to
// only the profile of a run tells, so the feeds are run once in a session for this, which is gone before the next one begins.
func (s *Session) requirePlacement(ctx context.Context, in map[string]inference.Tensor) error {
	dir, err := os.MkdirTemp("", "labelloop-profile-")
	if err != nil {
		return fmt.Errorf("find out where %s runs: %w", s.path, err)
	}
	defer os.RemoveAll(dir)
	r, err := s.open(s.numbers[0], false, filepath.Join(dir, "run"))
	if err != nil {
		return err
	}
	_, err = s.runOn(ctx, r, in)
	if closing := r.close(); err == nil {
		err = closing // the profile is written by then
	}
	if err != nil {
		return err
	}
	nodes, err := heavyOnCPU(dir)
	if err != nil {
		return fmt.Errorf("find out where %s runs: %w", s.path, err)
	}
	if len(nodes) == 0 {
		return nil
	}
	shown := strings.Join(nodes[:min(3, len(nodes))], ", ")
	if more := len(nodes) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("run %s on %s: %w for %s, which would run on the CPU: take another --precision, --device cpu, or --device auto, which lets them",
		s.path, s.Device, label.ErrNoProvider, shown)
}

// heavyOnCPU reads the one profile in dir, and gives the heavy nodes that the CPU ran, each as "OPERATOR NAME".
func heavyOnCPU(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("read the profile in %s: %d files, want 1", dir, len(found))
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		return nil, err
	}
	var events []event
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("parse %s: %w", found[0], err)
	}
	var nodes []string
	for _, e := range events {
		if e.Category != "Node" || e.Args.Provider != "CPUExecutionProvider" {
			continue
		}
		if !slices.ContainsFunc(heavy, func(part string) bool { return strings.Contains(e.Args.Operator, part) }) {
			continue
		}
		node := e.Args.Operator + " " + strings.TrimSuffix(e.Name, "_kernel_time")
		if !slices.Contains(nodes, node) {
			nodes = append(nodes, node)
		}
	}
	return nodes, nil
}
