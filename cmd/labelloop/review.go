package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/labelloop/labelloop/activelearn/calibration"
	"github.com/labelloop/labelloop/internal/review"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// keyFile is the file in a project's folder that the tokens of its annotators are made by.
const keyFile = "review.key"

// reviewFlags are the flags of the verb review.
type reviewFlags struct {
	projectFlags
	boundFlags
	listenFlags
	annotators []string
	lease      time.Duration
	blind      float64
	images     []string
}

func reviewCommand() *cobra.Command {
	f := &reviewFlags{}
	c := &cobra.Command{
		Use:   "review",
		Short: "Serve the page on which people label what is in the queue",
		Long: `Serve the page on which people label what is in the queue, until Ctrl-C. It prints an address for each annotator; the token in it is
that person's key, and stays the same from one start to the next. Whoever deletes ` + keyFile + ` in the project's folder takes all
tokens back.

The page is for this machine alone unless --addr names another address. Then everybody who can reach that address can try
tokens, and without --cert and --key everybody on the way can read what is sent, tokens among it.`,
		Example: `  labelloop review --project tickets
  labelloop review --project tickets --annotators ann,bob --blind 0.1
  labelloop review --project photos --addr 0.0.0.0:8443 --cert cert.pem --key key.pem --annotators ann,bob`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), func(s *sqlite.Store) error { return f.run(c.Context(), s, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	f.projectFlags.bind(c)
	f.boundFlags.bind(c)
	f.listenFlags.bind(c, "127.0.0.1:7878")
	flags := c.Flags()
	flags.StringSliceVar(&f.annotators, "annotators", []string{person()}, "who may label, NAME,NAME")
	flags.DurationVar(&f.lease, "lease", 10*time.Minute, "how long an item stays before a person who does not answer")
	flags.Float64Var(&f.blind, "blind", 0, "share of the queue that is shown without a suggestion, to see how much people follow it")
	flags.StringArrayVar(&f.images, "images", nil, "folder outside of the project in which pictures lie that a table names; can be repeated")
	return c
}

// link is a person's way in, as --json tells it.
type link struct {
	Annotator string `json:"annotator"`
	URL       string `json:"url"`
}

func (f *reviewFlags) run(ctx context.Context, s *sqlite.Store, stdout, stderr io.Writer) error {
	secret, err := review.Key(filepath.Join(s.Dir(), keyFile))
	if err != nil {
		return err
	}
	listener, hosts, err := f.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	explainer := &explainer{store: s}
	defer explainer.Close()
	server, err := review.New(review.Config{
		Store: s, Key: secret, Annotators: f.annotators, Hosts: hosts, Secure: f.certificate != "", Lease: f.lease, Blind: f.blind,
		Folders: f.images, Status: func(ctx context.Context) (any, error) { return f.status(ctx, s) },
		Judge: explainer.judge, Calibrate: calibrated,
	})
	if err != nil {
		return err
	}
	defer server.Close()
	if err := f.tell(server, listener, hosts, stdout, stderr); err != nil {
		return err
	}
	indexing := make(chan error, 1)
	go func() { indexing <- errors.Join(s.SketchEmbeddings(ctx), s.IndexWords(ctx)) }() // so that the first search need not wait
	err = server.Serve(ctx, listener, f.certificate, f.key)
	if failed := <-indexing; err == nil && ctx.Err() == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "stopped; every answer is kept")
	return nil
}

// tell prints how people come in, and what it means where others than this machine can.
func (f *reviewFlags) tell(server *review.Server, listener net.Listener, hosts []string, stdout, stderr io.Writer) error {
	base := f.base(listener, hosts)
	var links []link
	for _, name := range f.annotators {
		links = append(links, link{name, server.Link(base, name)})
	}
	if f.warn(listener, stderr) {
		fmt.Fprintln(stderr, "Whoever has a person's link labels in that name. Give each link to its owner alone.")
	}
	fmt.Fprintln(stderr, "Ctrl-C stops; every answer is on the disk when it is acknowledged.")
	if f.json {
		return json.NewEncoder(stdout).Encode(links)
	}
	for _, l := range links {
		if _, err := fmt.Fprintf(stdout, "%s: %s\n", l.Annotator, l.URL); err != nil {
			return err
		}
	}
	return nil
}

// calibrated gives probabilities by a calibration as the verb calibrate keeps it.
func calibrated(text []byte, probs []float32) ([]float32, error) {
	var c calibration.Calibration
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	return c.Apply(probs)
}

// reviewed is what the page's side panel shows of the whole project.
type reviewed struct {
	*standing
	Agreement agreed    `json:"agreement"`
	Following *followed `json:"following,omitempty"`
}

// agreed is how far people agree.
type agreed struct {
	Items      int           `json:"items"`           // that several people labelled
	Alpha      *float64      `json:"alpha,omitempty"` // Krippendorff's; none where no item has several people's labels
	Annotators []agreedShare `json:"annotators"`
}

// agreedShare is how one person does beside the others.
type agreedShare struct {
	Name      string  `json:"name"`
	Labels    int     `json:"labels"`
	Consensus float64 `json:"consensus"` // share of them that are the consensus
}

func (f *reviewFlags) status(ctx context.Context, s *sqlite.Store) (*reviewed, error) {
	st, err := (&statusFlags{projectFlags: f.projectFlags, boundFlags: f.boundFlags, target: usualTarget}).standing(ctx, s)
	if err != nil {
		return nil, err
	}
	crowd, err := readCrowd(ctx, s)
	if err != nil {
		return nil, err
	}
	found := crowd.agreement()
	r := &reviewed{standing: st, Agreement: agreed{Items: found.Items, Annotators: []agreedShare{}}}
	for _, m := range found.Measures {
		r.Agreement.Alpha = &m.Value
	}
	for _, a := range found.Annotators {
		r.Agreement.Annotators = append(r.Agreement.Annotators, agreedShare{a.Name, a.Labels, a.Consensus})
	}
	r.Following, err = crowd.following(ctx, s)
	return r, err
}
