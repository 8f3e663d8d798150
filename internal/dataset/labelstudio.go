package dataset

import (
	"encoding/json"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/labelloop/labelloop/internal/label"
)

// A Label Studio task (its documentation calls this the JSON format of annotated tasks) is an object whose data hold the
// input and whatever else was imported with it; annotations and predictions stand beside. Other data become metadata; the
// task around them is kept in the metadata as the object label_studio, to come back as it was.
//
// Labels are results of type choices for the whole item. Results for regions, and of other types, say nothing here. An
// annotation that is ground truth gives the item's known labels; if it has no author, it is nothing but that.
const (
	studioKept  = "label_studio"
	studioLabel = "label" // the control that labels go to where nothing else is known
)

// studioTask are the keys of a task that have a place of their own.
var studioTask = []string{"id", "data", "annotations", exactKey}

// isStudio knows tasks by data and what is labelled on them.
func isStudio(head []byte) bool {
	first := firstObject(head)
	_, annotations := first["annotations"]
	_, predictions := first["predictions"]
	data, ok := first["data"]
	return ok && (len(data) == 0 || data[0] == '{') && (annotations || predictions || len(first) <= 2)
}

// studioContent finds the key of the data that holds what is labelled: that which was asked for, else the first of the
// usual ones.
func studioContent(data map[string]any, c Columns) string {
	if c.Text != "" {
		return c.Text
	}
	for _, name := range c.contents() {
		if _, ok := data[name]; ok {
			return name
		}
	}
	return c.usualContent()
}

// studioReserved tells names of data that would be taken for something else, where the input is called key.
func studioReserved(key string, c Columns) func(string) bool {
	return func(name string) bool {
		before := slices.Index(c.contents(), name)
		return name == key || name == fieldPair || name == studioKept ||
			c.Text == "" && before >= 0 && before < slices.Index(c.contents(), key)
	}
}

// studioItem makes the item of a task. A task without data is all data.
func studioItem(in *input, line int, task map[string]any, c Columns) (label.Item, error) {
	data, ok := task["data"].(map[string]any)
	around := map[string]any{}
	id := task["id"]
	if ok {
		for name, v := range task {
			if name != "id" && name != "data" {
				around[name] = v
			}
		}
	} else {
		data = task
		delete(data, "id")
	}
	key := studioContent(data, c)
	own := map[string]any{}
	if key != c.usualContent() {
		own["key"] = key
	}
	if name, ok := data[key].(string); ok && c.Images {
		file, err := studioPicture(name)
		if err != nil {
			return label.Item{}, err
		}
		if file != name {
			own["image"], data[key] = name, file
		}
	}
	it, err := in.object(line, data, Columns{Text: key})
	if err != nil {
		return it, err
	}
	switch v := id.(type) {
	case nil:
	case string:
		it.ID = v
	case json.Number:
		it.ID = v.String()
	default:
		return label.Item{}, badf(`"id" is %s; make it a string or a number`, kind(v))
	}
	if len(own) > 0 {
		around[exactKey] = own
	}
	if len(around) > 0 {
		if it.Meta == nil {
			it.Meta = map[string]any{}
		}
		if other, ok := it.Meta[studioKept]; ok {
			it.Meta[metaPrefix+studioKept] = other
		}
		it.Meta[studioKept] = around
	}
	return it, nil
}

// studioPicture gives the file of a picture in Label Studio's folder.
func studioPicture(name string) (string, error) {
	if rest, ok := strings.CutPrefix(name, "/data/local-files/?d="); ok {
		file, err := url.QueryUnescape(rest)
		if err != nil {
			return "", badf("the picture %s: %v", name, err)
		}
		return strings.TrimPrefix(file, "/"), nil
	}
	if strings.Contains(name, "://") {
		return "", badf("the picture %s is on another machine; fetch it, and name its file", name)
	}
	return strings.TrimPrefix(name, "/data/"), nil
}

func takeStudio(it *label.Item, c Columns) ([]label.Annotation, error) {
	around, _ := it.Meta[studioKept].(map[string]any)
	own, _ := around[exactKey].(map[string]any)
	key, _ := own["key"].(string)
	var said []label.Annotation
	raws, _ := around["annotations"].([]any)
	for _, raw := range raws {
		a, gold, err := studioSaid(raw, c.Label)
		if err != nil {
			return nil, err
		}
		if gold != nil {
			it.Gold = gold
		}
		if a != nil {
			said = append(said, *a)
		}
	}
	if pair, ok := it.Meta[fieldPair].(string); ok {
		it.Pair = pair
		delete(it.Meta, fieldPair)
	}
	unescapeAll(it.Meta, studioReserved(orElse(key, c.usualContent()), c))
	return said, nil
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// numbered gives an id in the form in which Label Studio has it: a number, if it is one.
func numbered(id string) any {
	if wholeNumber.MatchString(id) {
		return json.Number(id)
	}
	return orNil(id)
}

// studioRows gives the task of a record. Annotations that came from Label Studio, and still hold, come back as they were.
func studioRows(r Record, l layout) ([]row, error) {
	meta := maps.Clone(r.Item.Meta)
	around, _ := meta[studioKept].(map[string]any)
	delete(meta, studioKept)
	own, _ := around[exactKey].(map[string]any)
	key, _ := own["key"].(string)
	c := l.Columns
	c.Images = r.Item.Image != ""
	if key = orElse(c.Text, key); key == "" {
		key = c.usualContent()
	}
	data := escapeAll(meta, studioReserved(key, c))
	data[key] = r.Item.Text
	if c.Images {
		name, err := studioImage(r.Item, own["image"], l)
		if err != nil {
			return nil, err
		}
		data[key] = name
	}
	if r.Item.Pair != "" {
		data[fieldPair] = r.Item.Pair
	}
	annotations, err := studioAnnotations(r, around, c, key)
	if err != nil {
		return nil, err
	}
	var id any
	if !generated(r.Item) {
		id = numbered(r.Item.ID)
	}
	task := row{fields: []field{{"id", id}, {"data", data}}, meta: map[string]any{}}
	if _, had := around["annotations"]; had || len(annotations) > 0 {
		task.fields = append(task.fields, field{"annotations", annotations})
	}
	for name, v := range around {
		if !slices.Contains(studioTask, name) {
			task.meta[name] = v
		}
	}
	return []row{task}, nil
}

// studioImage names a picture as the task did, if it is still that picture.
func studioImage(it label.Item, was any, l layout) (string, error) {
	if was, ok := was.(string); ok {
		file, err := studioPicture(was)
		if err == nil && strings.HasSuffix("/"+filepath.ToSlash(it.Image), "/"+file) {
			return was, nil
		}
	}
	return l.picture(it)
}
