package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/inference"
	"github.com/labelloop/labelloop/internal/dataset"
	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/pipeline"
	"github.com/labelloop/labelloop/internal/serve"
)

// tokenVariable names the environment variable that holds the token of a server, where a person chooses it.
const tokenVariable = "LABELLOOP_TOKEN"

// serveFlags are the flags of the verb serve.
type serveFlags struct {
	modelFlags
	listenFlags
	routeFlags
}

func serveCommand() *cobra.Command {
	f := &serveFlags{}
	c := &cobra.Command{
		Use:   "serve --model MODEL",
		Short: "Keep a model loaded, and label over HTTP what programs of this machine send",
		Long: `Keep a model loaded, and label over HTTP what programs of this machine send, until Ctrl-C. It prints the address on standard
output, and on standard error the token that callers send with each request: a new one at each start, or what ` + tokenVariable + `
holds. docs/serve.md tells what to send.

The server is for this machine alone unless --addr names another address. Then everybody who can reach that address can try
tokens, and without --cert and --key everybody on the way can read what is sent, tokens among it.`,
		Example: `  labelloop serve --model minilm-clinc150
  labelloop serve --model minilm --labels "refund,card lost,other" --addr 127.0.0.1:0`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.modelFlags.bind(c)
	f.listenFlags.bind(c, "127.0.0.1:7879")
	f.routeFlags.bind(c)
	return c
}

func (f *serveFlags) run(ctx context.Context, stdout, stderr io.Writer) error {
	model, err := f.find()
	if err != nil {
		return err
	}
	listener, hosts, err := f.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	f.setting = setting{Threads: f.cores()} // the sooner is the answer to one caller; several share the cores
	e, err := f.modelFlags.open(ctx, model, stderr)
	if err != nil {
		return err
	}
	defer e.Close()
	token := os.Getenv(tokenVariable)
	if token == "" {
		token = rand.Text() + rand.Text()
		fmt.Fprintf(stderr, "token: %s\n", token)
	}
	desk := &desk{engine: e, route: f.route, session: queued{e.session, make(chan struct{}, e.Workers)}, options: dataset.SinkOptions{
		MultiLabel: f.multiLabel || model.Manifest.MultiLabel, Embedding: embeds(e.task), Images: model.Manifest.ReadsImages(),
	}}
	server, err := serve.New(serve.Config{Token: token, Hosts: hosts, Images: desk.options.Images, Label: desk.label})
	if err != nil {
		return fmt.Errorf("%s: %w", tokenVariable, err)
	}
	f.warn(listener, stderr)
	fmt.Fprintf(stderr, "%s on %s; Ctrl-C stops\n", e.model, e.device)
	if _, err := fmt.Fprintln(stdout, f.base(listener, hosts)); err != nil {
		return err
	}
	return server.Serve(ctx, listener, f.certificate, f.key)
}

// queued is a session of which some runs go on side by side; the others wait for their turn.
type queued struct {
	inference.Session
	running chan struct{}
}

func (q queued) Run(ctx context.Context, in map[string]inference.Tensor) (map[string]inference.Tensor, error) {
	select {
	case q.running <- struct{}{}:
		defer func() { <-q.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return q.Session.Run(ctx, in)
}

// desk labels what callers bring.
type desk struct {
	*engine
	session queued
	route   func(label.Prediction) label.Route
	options dataset.SinkOptions
}

// label runs a request as a job of its own.
func (d *desk) label(ctx context.Context, body []byte, to io.Writer) error {
	source, err := d.read(body)
	if err != nil {
		return err
	}
	_, err = pipeline.Job{
		Source: source, Sink: &reply{to: to, options: d.options}, Task: d.task, Session: d.session, Decide: d.route, Model: d.model.String(),
		Workers: d.Workers, Budget: d.Budget, Window: d.window,
	}.Run(ctx)
	return err
}

// request is what items are called by that bring no id.
const request = "request"

func (d *desk) read(body []byte) (pipeline.Source, error) {
	if d.options.Images {
		picture := func() ([]byte, error) { return body, nil }
		return &memory{[]label.Item{{ID: request, Image: request, Place: label.Place{File: request}, Load: picture, Held: len(body)}}}, nil
	}
	source, err := dataset.Read(request, body, "jsonl", dataset.Columns{})
	if err != nil {
		return nil, label.Errorf(label.ErrUsage, "%w", err)
	}
	return source, nil
}

// reply is the sink of a job that is one request.
type reply struct {
	discard
	to      io.Writer
	options dataset.SinkOptions
	records []byte
}

func (y *reply) Put(_ context.Context, rs []label.Result) error {
	y.records = y.records[:0]
	for _, r := range rs {
		var err error
		if y.records, err = dataset.AppendJSONL(y.records, r, y.options); err != nil {
			return fmt.Errorf("answer: item %s: %w", r.Item.ID, err)
		}
	}
	_, err := y.to.Write(y.records)
	return err
}
