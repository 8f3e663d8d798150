package dataset

import (
	"bytes"
	"fmt"
	"strings"
)

// magics are the beginnings of files that people take for text by mistake.
var magics = []struct{ prefix, kind, remedy string }{
	{"\x89PNG\r\n", "a PNG picture", "give it to an image model"},
	{"\xff\xd8\xff", "a JPEG picture", "give it to an image model"},
	{"PK\x03\x04", "a zip archive or an Office file", "unpack it, or save the sheet as CSV UTF-8"},
	{"\x1f\x8b", "gzip within gzip", "unpack it once"},
	{"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it with unzstd"},
	{"PAR1", "a Parquet file", "name the format: parquet"},
	{"SQLite format 3\x00", "an SQLite database", "export the table as CSV"},
	{"%PDF-", "a PDF document", "extract its text with pdftotext"},
	{"\xff\xfe", "UTF-16 text", "convert it: iconv -f utf-16 -t utf-8 FILE > NEW"},
	{"\xfe\xff", "UTF-16 text", "convert it: iconv -f utf-16 -t utf-8 FILE > NEW"},
}

// checkText says what a head that is no text looks like.
func checkText(path string, head []byte) error {
	for _, m := range magics {
		if strings.HasPrefix(string(head[:min(len(head), 16)]), m.prefix) {
			return fmt.Errorf("%s looks like %s, not text; %s", path, m.kind, m.remedy)
		}
	}
	// ONNX is a protobuf message that begins with ir_version and producer_name.
	if len(head) > 2 && head[0] == 0x08 && head[1] < 0x20 && head[2] == 0x12 {
		return fmt.Errorf("%s looks like an ONNX model, not text; name it as the model", path)
	}
	if i := bytes.IndexByte(head[:min(len(head), 8<<10)], 0); i >= 0 {
		return fmt.Errorf("%s looks like a binary file, not text (NUL at byte %d); check the name, or convert it to UTF-8 text",
			path, i+1)
	}
	return nil
}
