package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labelloop/labelloop/internal/label"
	"github.com/labelloop/labelloop/internal/sqlite"
)

// TestKilledPromotions kills promotions and rollbacks at random moments: the model in use always loads, it is one that is on
// record, and no half version is ever listed.
func TestKilledPromotions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "joy,anger,fear,other")
	must(t, "import", "--project", dir, "--annotator", "ann", "--split", "eval", writeCSV(t, []string{"text", "label"}, [][]string{{"good", "joy"}, {"bad", "anger"}}))
	// The same model under three versions, two of which have to be copied into the project first.
	var exports []string
	for _, note := range []string{"one", "two", "three"} {
		export := filepath.Join(t.TempDir(), "model")
		if err := os.CopyFS(export, os.DirFS(filepath.Join(fixtures, "bert-single"))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(export, "NOTICE"), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		exports = append(exports, export)
	}
	promotion := func(export string) []string {
		return []string{"models", "promote", export, "--project", dir, "--force", "--reason", "a test"}
	}
	begin := time.Now()
	must(t, promotion(exports[0])...)
	took := time.Since(begin)
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 1))
	for killed := range 4 * *kills {
		args := promotion(exports[random.IntN(len(exports))])
		if killed%4 == 3 {
			args = []string{"models", "rollback", "--project", dir}
		}
		cmd := program(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(took) * 3 / 2)))
		cmd.Process.Kill()
		cmd.Wait()
		list, err := ownModels(dir).List()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			if err := m.Verify(); err != nil {
				t.Fatal(err)
			}
		}
		now, err := promoted(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		record, err := s.Promotions(t.Context())
		if err != nil || !slices.ContainsFunc(record, func(p label.Promotion) bool { return p.String() == now.String() }) {
			t.Fatalf("%s is in use, on record are %v: %v", now, record, err)
		}
	}
	must(t, promotion(exports[1])...)
	must(t, promotion(exports[2])...)
	before, err := promoted(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "models", "rollback", "--project", dir)
	if now, err := promoted(t.Context(), s); err != nil || now.String() == before.String() {
		t.Errorf("%v is in use after a rollback from %s: %v", now, before, err)
	}
}

// TestPromotionCutOff: a promotion that is on record, and whose pointer was not swapped any more, did not happen.
func TestPromotionCutOff(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	must(t, "init", dir, "--labels", "joy,anger")
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := promoted(t.Context(), s); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("nothing was promoted: %v", err)
	}
	out := must(t, "models", "import", filepath.Join(fixtures, "bert-single"), "--project", dir, "--name", "model")
	first, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if _, err := promoted(t.Context(), s); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("what was imported is in use: %v", err)
	}
	must(t, "models", "promote", first, "--project", dir, "--force", "--reason", "there is nothing to judge by")
	if _, err := s.PutPromotion(t.Context(), label.Promotion{Kind: label.Promote, Name: "model", Version: "0123456789ab", Before: first}); err != nil {
		t.Fatal(err)
	}
	if now, err := promoted(t.Context(), s); err != nil || now.String() != first {
		t.Errorf("%v is in use, want %s: %v", now, first, err)
	}
	if _, err := rollback(t.Context(), s, ""); !errors.Is(err, label.ErrNotFound) {
		t.Errorf("there is nothing to go back to: %v", err)
	}
}

// TestBundleVerbs takes a project's model to another registry, signed.
func TestBundleVerbs(t *testing.T) {
	t.Setenv("LABELLOOP_MODELS", filepath.Join(t.TempDir(), "models"))
	keys := t.TempDir()
	private, public, other := filepath.Join(keys, "key.pem"), filepath.Join(keys, "public.pem"), filepath.Join(keys, "other.pem")
	writeKeys(t, private, public)
	writeKeys(t, filepath.Join(keys, "second.pem"), other)
	file := filepath.Join(t.TempDir(), "model.tar.gz")
	must(t, "models", "bundle", filepath.Join(fixtures, "bert-single"), "-o", file, "--key", private)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"another key":    {[]string{"models", "import", file, "--trust", other}, exitFailed, "not by this key"},
		"no key":         {[]string{"models", "import", file, "--trust", file}, exitUsage, "PUBLIC KEY"},
		"wrong key":      {[]string{"models", "import", file, "--trust", private}, exitUsage, "PUBLIC KEY"},
		"not a bundle":   {[]string{"models", "import", public}, exitFailed, "neither"},
		"a directory":    {[]string{"models", "import", filepath.Join(fixtures, "bert-single"), "--trust", public}, exitUsage, "only a bundle"},
		"other ending":   {[]string{"models", "bundle", "minilm", "-o", "x.rar"}, exitUsage, ".tar.gz or .zip"},
		"no project":     {[]string{"models", "import", file, "--project", keys}, exitUsage, "labelloop init"},
		"public to pack": {[]string{"models", "bundle", "minilm", "-o", filepath.Join(keys, "x.zip"), "--key", public}, exitUsage, "PRIVATE KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, stderr, code := run(t, c.args...); code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
	name := strings.TrimSpace(must(t, "models", "import", file, "--trust", public))
	must(t, "models", "verify", name)
	out := filepath.Join(t.TempDir(), "out.jsonl")
	must(t, "label", "--model", "bert-single", writeTexts(t, 10), "--output", out)
	if text := read(t, out); strings.Count(text, name) != 10 {
		t.Errorf("labelled:\n%s", text)
	}
}

// writeKeys writes a pair of keys as openssl does.
func writeKeys(t *testing.T, private, public string) {
	t.Helper()
	open, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := x509.MarshalPKIXPublicKey(open)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: hidden}), 0o600),
		os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: shown}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}
