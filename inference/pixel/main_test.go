package pixel

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/labelloop/labelloop/inference/pixel/libjpeg"
)

// requests makes the test binary the Go side of scripts/pixel_parity.py.
var requests = flag.String("requests", "", "prepare the `file`'s pictures and print digests instead of testing")

func TestMain(m *testing.M) {
	flag.Parse()
	// A machine without the library is one that make deps has not been run on: the tests are about the same pixels.
	if !libjpeg.Load(filepath.Join(os.Getenv("LABELLOOP_DEPS"), "lib"), filepath.Join("..", "..", ".deps", "lib")) {
		log.Fatal("libjpeg-turbo is not there: run make deps")
	}
	if *requests == "" {
		os.Exit(m.Run())
	}
	if err := answer(*requests); err != nil {
		log.Fatal(err)
	}
}

// digests are what a picture becomes: SHA-256 of the crop's bytes and of the values as little-endian float32.
type digests struct {
	Crop, Values string `json:",omitempty"`
	Error        string `json:",omitempty"`
}

// answer prints one line of digests for each line {"Picture": path, "Processor": config}.
func answer(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var r struct {
			Picture   string
			Processor json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		d, err := prepare(r.Picture, r.Processor)
		if err != nil {
			d.Error = err.Error()
		}
		if err := out.Encode(d); err != nil {
			return err
		}
	}
	return lines.Err()
}

func prepare(path string, config []byte) (digests, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return digests{}, err
	}
	picture, err := Decoder{}.Decode(data)
	if err != nil {
		return digests{}, err
	}
	processor, err := ParseProcessor(config)
	if err != nil {
		return digests{}, err
	}
	crop, err := processor.Crop(picture)
	if err != nil {
		return digests{}, err
	}
	values := make([]float32, len(crop.Pix))
	processor.Values(values, crop.Pix)
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return digests{Crop: fmt.Sprintf("%x", sha256.Sum256(crop.Pix)), Values: fmt.Sprintf("%x", sha256.Sum256(raw))}, nil
}
