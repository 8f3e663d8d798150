package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/klauspost/cpuid/v2"

	"github.com/labelloop/labelloop/inference/ort"
)

// setting is how a model is run; 0 is what is not chosen. Labels do not depend on it.
type setting struct {
	Workers int `json:"workers"` // runs that go on side by side
	Threads int `json:"threads"` // cores that share each of them
	Budget  int `json:"budget"`  // size of a batch: padded tokens, or pictures
}

// or fills up what is not chosen.
func (s setting) or(other setting) setting {
	return setting{cmp.Or(s.Workers, other.Workers), cmp.Or(s.Threads, other.Threads), cmp.Or(s.Budget, other.Budget)}
}

// Sizes of a batch where nothing else is chosen, in tokens and in pictures. A processor core is fastest while a batch's
// activations stay in its cache (docs/benchmarks.md); an accelerator wants enough rows to be busy.
const (
	tokensCPU           = 384
	tokensOpenVINO      = 1536 // it takes more time for each batch; bf16 and int8 take less space in the cache
	tokensAccelerator   = 16384
	picturesCPU         = 8
	picturesAccelerator = 64
)

// cores is how many may be used.
func (f *modelFlags) cores() int { return cmp.Or(f.threads, runtime.NumCPU()) }

// usual is the setting where nothing is chosen: on the processor, one core a run.
func (f *modelFlags) usual(e *engine) setting {
	tokens := tokensCPU
	if e.device == ort.OpenVINO {
		tokens = tokensOpenVINO
	}
	s := setting{f.cores(), 1, tokens}
	accelerator := tokensAccelerator
	if e.model.Manifest.ReadsImages() {
		s.Budget, accelerator = picturesCPU, picturesAccelerator
	}
	if !ort.OnProcessor(e.device) {
		s.Workers, s.Budget = 2*e.session.Replicas(), accelerator // one batch is copied while another is run
	}
	return s
}

// choose gives what the verb has chosen, else what the flags say, else what tune found.
func (f *modelFlags) choose(e *engine, log io.Writer) setting {
	s := f.setting
	if s == (setting{}) && f.threads == 0 {
		s = e.tuned(log)
	}
	if f.budget > 0 {
		s.Budget = f.budget
	}
	return s
}

// tuned is a setting that was measured, as it is kept.
type tuned struct {
	For     string  `json:"for"` // the model, and the machine
	Setting setting `json:"setting"`
	Rate    float64 `json:"rate"` // items a second
}

// subject names all that the best setting depends on.
func (e *engine) subject() (string, error) {
	_, precision, err := e.graph(mainPart(e.model), e.precision)
	return fmt.Sprintf("%s %s on %s, %s with %d cores, ONNX Runtime %s", e.model, precision, e.device, cpuid.CPU.BrandName, runtime.NumCPU(), ort.Version()), err
}

// settingFile is where the setting of a subject is kept.
func settingFile(subject string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("keep settings: %w", err)
	}
	name := sha256.Sum256([]byte(subject))
	return filepath.Join(dir, "labelloop", "settings", hex.EncodeToString(name[:8])+".json"), nil
}

// tuned reads what tune found for a model on this machine; nothing where it did not run, or what it kept is damaged.
func (e *engine) tuned(log io.Writer) setting {
	subject, err := e.subject()
	if err != nil {
		return setting{} // opening the model tells
	}
	path, err := settingFile(subject)
	if err != nil {
		return setting{}
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return setting{}
	}
	var kept tuned
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	const most = 1 << 20
	s := kept.Setting
	if err == nil && (kept.For != subject || min(s.Workers, s.Threads, s.Budget) < 1 || max(s.Workers, s.Threads, s.Budget) > most) {
		err = errors.New("it holds no setting of this model on this machine")
	}
	if err != nil {
		fmt.Fprintf(log, "%s is not used: %v; run 'labelloop tune' again\n", path, err)
		return setting{}
	}
	fmt.Fprintf(log, "as tuned: %s\n", s)
	return s
}

// String tells a setting in the words of tune's table.
func (s setting) String() string {
	return fmt.Sprintf("side by side %d, cores each %d, batch %d", s.Workers, s.Threads, s.Budget)
}

// keep writes a setting in one step.
func (t tuned) keep() error {
	path, err := settingFile(t.For)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep a setting: %w", err)
	}
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep a setting: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("keep a setting: %w", err)
	}
	return nil
}
