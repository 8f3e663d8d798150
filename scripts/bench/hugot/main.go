// Command hugot is a contender of scripts/bench: it labels texts with hugot on ONNX Runtime, as its README advises
// for throughput: one pipeline, called from several goroutines that take batches from a channel.
//
// It prints {"seconds": S}: the time from texts in memory to labels in memory, after each worker ran once.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/knights-analytics/hugot"
	"github.com/knights-analytics/hugot/options"
	"github.com/knights-analytics/hugot/pipelines"
)

var (
	model   = flag.String("model", "", "model directory")
	items   = flag.String("items", "", "JSONL file with a field text")
	output  = flag.String("output", "", "file for the labels, one a line")
	library = flag.String("library", "", "folder of libonnxruntime.so")
	workers = flag.Int("workers", 1, "goroutines that call the pipeline")
	threads = flag.Int("threads", 1, "intra-op threads of a run")
	batch   = flag.Int("batch", 32, "texts of a run")
	arena   = flag.Bool("arena", true, "memory arena and memory patterns (the runtime's default; hugot's README turns them off)")
	sorted  = flag.Bool("sorted", false, "sort the texts by bytes first, which hugot leaves to its user")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatalf("hugot: %v", err)
	}
}

func run(ctx context.Context) (err error) {
	inputs, err := read(*items)
	if err != nil {
		return err
	}
	session, err := hugot.NewORTSession(ctx,
		options.WithOnnxLibraryPath(*library),
		options.WithIntraOpNumThreads(*threads),
		options.WithInterOpNumThreads(1),
		options.WithCPUMemArena(*arena),
		options.WithMemPattern(*arena),
	)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	pipeline, err := hugot.NewPipeline(session, hugot.TextClassificationConfig{ModelPath: *model, OnnxFilename: "model.onnx", Name: "bench"})
	if err != nil {
		return err
	}

	for range *workers {
		if _, err := pipeline.RunPipeline(ctx, inputs[:min(*batch, len(inputs))]); err != nil {
			return err
		}
	}
	begin := time.Now()
	labels, err := label(ctx, pipeline, inputs)
	if err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	if err := write(*output, labels); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"seconds": seconds})
}

// label gives each text's label.
func label(ctx context.Context, pipeline *pipelines.TextClassificationPipeline, inputs []string) ([]string, error) {
	order := make([]int, len(inputs))
	for i := range order {
		order[i] = i
	}
	if *sorted {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(inputs[b]), len(inputs[a])) })
	}
	labels := make([]string, len(inputs))
	batches := make(chan []int)
	errs := make([]error, *workers)
	var running sync.WaitGroup
	for w := range *workers {
		running.Go(func() {
			for at := range batches {
				some := make([]string, len(at))
				for i, j := range at {
					some[i] = inputs[j]
				}
				out, err := pipeline.RunPipeline(ctx, some)
				if err != nil {
					errs[w] = err
					continue
				}
				for i, j := range at {
					labels[j] = out.ClassificationOutputs[i][0].Label
				}
			}
		})
	}
	for at := range slices.Chunk(order, *batch) {
		batches <- at
	}
	close(batches)
	running.Wait()
	return labels, errors.Join(errs...)
}

func read(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var inputs []string
	for d := json.NewDecoder(bufio.NewReader(file)); d.More(); {
		var item struct{ Text string }
		if err := d.Decode(&item); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		inputs = append(inputs, item.Text)
	}
	return inputs, nil
}

func write(path string, labels []string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	for _, l := range labels {
		fmt.Fprintln(w, l)
	}
	return errors.Join(w.Flush(), file.Close())
}
