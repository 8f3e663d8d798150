package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// element is an element of a page with the text that stands in it directly.
type element struct {
	name, text string
	attrs      map[string]string
	inSVG      bool
}

// parse reads a page as strict XML and gives its elements in the order in which they end.
func parse(t *testing.T, page []byte) []element {
	t.Helper()
	var open, all []element
	svg := 0
	for d := xml.NewDecoder(bytes.NewReader(page)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "svg" {
				svg++
			}
			e := element{name: token.Name.Local, attrs: map[string]string{}, inSVG: svg > 0}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			open = append(open, e)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		case xml.EndElement:
			if token.Name.Local == "svg" {
				svg--
			}
			all = append(all, open[len(open)-1])
			open = open[:len(open)-1]
		}
	}
}

func write(t *testing.T, p Page) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPageHasThisOutline(t *testing.T) {
	var outline []string
	for _, e := range parse(t, write(t, sample(6))) {
		switch {
		case e.name == "desc" && len(e.text) < 60:
			t.Errorf("plot is described as %q, which does not stand for it", e.text)
		case e.name == "svg":
			outline = append(outline, "  plot")
		case e.name == "h1" || e.name == "h2":
			outline = append(outline, e.text)
		case e.name == "h3":
			outline = append(outline, "  "+e.text)
		case e.name == "summary":
			outline = append(outline, "  + "+e.text)
		}
	}
	const want = `Bank queries
Acceptance
  Thresholds that keep wrong labels at or under 2 %, with probability 95 %
Learning curves
  plot
  Strategies beside random
  + Accuracy in percent, mean of 10 runs, in brackets its 95 % interval
Label distribution
  plot
  + Labels given
Calibration
  plot
  Errors of calibration
  + Bins
Risk and coverage
  plot
  + Risk by coverage
Confusion matrix
  plot
  The most confused pairs
  + Labels, the worst first
Review queue
  plot
  + Items by reason
Throughput
  plot
  Annotators
  + Labels by hour
Agreement
  plot
  Measures of agreement
  Annotators beside the consensus
  + Cohen's kappa by pair
Label issues
  The 3 likeliest wrong of 37
Following
  Answers that are what the model suggests
Near-duplicates and outliers
  Items that are nearly the same: 1 of 41
  Items that are like no others, the least typical first`
	if got := strings.ReplaceAll(strings.Join(outline, "\n"), "\u00a0", " "); got != want {
		t.Errorf("outline is\n%s\nwant\n%s", got, want)
	}
}

func TestPlotsAreNamedAndNothingIsFetched(t *testing.T) {
	page := write(t, sample(150))
	elements := parse(t, page)
	texts := map[string]string{}
	for _, e := range elements {
		if id, has := e.attrs["id"]; has {
			if _, twice := texts[id]; twice {
				t.Errorf("id %s is used twice", id)
			}
			texts[id] = e.text
		}
	}
	for _, e := range elements {
		for id := range strings.FieldsSeq(e.attrs["aria-labelledby"]) {
			if texts[id] == "" {
				t.Errorf("%s is named by %s, which says nothing", e.name, id)
			}
		}
		if e.name == "svg" && (e.attrs["role"] != "img" || e.attrs["aria-labelledby"] == "") {
			t.Errorf("plot has the attributes %v", e.attrs)
		}
		if href, has := e.attrs["href"]; has {
			if _, there := texts[strings.TrimPrefix(href, "#")]; !there {
				t.Errorf("link leads to %s", href)
			}
		}
	}
	addresses := regexp.MustCompile(`(https?:)?//[^"\s<]+|url\(|@import`)
	for _, found := range addresses.FindAllString(string(page), -1) {
		if found != "http://www.w3.org/2000/svg" {
			t.Errorf("page speaks of %s", found)
		}
	}
	if len(page) > 400<<10 {
		t.Errorf("page with 150 labels has %d bytes", len(page))
	}
}

// fill puts a value into every field of its kind that v holds.
func fill(v reflect.Value, value any) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().PkgPath() != "time" {
				fill(v.Field(i), value)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), value)
		}
	case reflect.Interface:
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())
		fill(inner, value)
		v.Set(inner)
	default:
		if v.Type() == reflect.TypeOf(value) {
			v.Set(reflect.ValueOf(value))
		}
	}
}

func TestTextsFromOutsideStayTexts(t *testing.T) {
	harmless := map[string][]string{}
	plain := sample(30)
	plain.Sections = append(plain.Sections, LabelScores{[]LabelScore{{"a", 1, 2, 3}}})
	for _, e := range parse(t, write(t, plain)) {
		for name := range e.attrs {
			harmless[e.name] = append(harmless[e.name], name)
		}
		harmless[e.name] = append(harmless[e.name], "")
	}
	for _, bad := range []string{
		`<script>alert(1)</script>`,
		`"><img src=x onerror=alert(1)>`,
		`</title></svg></style><svg onload=alert(1)>`,
		`' onmouseover='alert(1)`,
		`]]><!--{{.}}--> &lt;b&gt; javascript:alert(1)`,
		"\x00\x01\xff\u202e<b>",
	} {
		p := sample(30)
		p.Sections = append(p.Sections, LabelScores{[]LabelScore{{"a", 1, 2, 3}}})
		fill(reflect.ValueOf(&p).Elem(), bad)
		shown := 0
		for _, e := range parse(t, write(t, p)) {
			names, known := harmless[e.name]
			if !known {
				t.Errorf("%q makes an element %s", bad, e.name)
			}
			for name := range e.attrs {
				if !slices.Contains(names, name) {
					t.Errorf("%q makes an attribute %s of %s", bad, name, e.name)
				}
			}
			if e.name == "td" && strings.Contains(e.text, "alert(1)") {
				shown++
			}
		}
		if strings.Contains(bad, "alert(1)") && shown < 30 {
			t.Errorf("%q is shown in %d cells only", bad, shown)
		}
	}
}

func TestNumbersThatAreNoneDrawNothing(t *testing.T) {
	wrong := regexp.MustCompile(`NaN|Inf|e[+-]\d`)
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, 0} {
		p := sample(6)
		fill(reflect.ValueOf(&p).Elem(), value)
		for _, e := range parse(t, write(t, p)) {
			if !e.inSVG {
				continue
			}
			if wrong.MatchString(e.text) && math.Abs(value) != 1e300 {
				t.Errorf("%v: %s says %s", value, e.name, e.text)
			}
			for name, a := range e.attrs {
				if wrong.MatchString(a) || len(a) > 20 && name != "d" && name != "aria-labelledby" && name != "xmlns" &&
					name != "transform" && name != "viewBox" {
					t.Errorf("%v: %s has %s=%s", value, e.name, name, a)
				}
			}
		}
	}
}

func TestSectionsWithoutNumbersSaySo(t *testing.T) {
	empty := []Section{Acceptance{}, Agreement{}, Confusion{}, Confusion{Labels: []string{"a"}, Counts: [][]int{{0}}},
		Issues{}, Following{}, Oddities{}, LabelDistribution{}, LabelDistribution{[]LabelCount{{Label: "a"}}}, LabelScores{},
		LearningCurves{Title: "Learning curves"}, LearningCurves{Title: "Learning curves", Curves: []Curve{{Name: "a"}}},
		Queue{}, Queue{[]QueueReason{{Reason: "control"}}}, Reliability{}, Reliability{[]ReliabilityCurve{{Name: "raw"}}},
		RiskCoverage{}, RiskCoverage{Curves: []RiskCurve{{Name: "raw"}}}, Throughput{},
		Throughput{Annotators: []AnnotatorWork{{Name: "Ada", Labels: []int{0, 0}}}}}
	for _, s := range empty {
		c := s.content()
		if c.Title == "" || !strings.HasSuffix(c.Lead, ".") || c.Chart != nil || len(c.Tables) > 0 {
			t.Errorf("%T without numbers shows %+v", s, c)
		}
		if err := SVG(io.Discard, s); err == nil || !strings.Contains(err.Error(), c.Title) {
			t.Errorf("%T without numbers is drawn, or its error does not name it: %v", s, err)
		}
	}
	parse(t, write(t, Page{Title: "New", Sections: empty}))
	if page := write(t, Page{Title: "New"}); !bytes.Contains(page, []byte("Nothing to report yet.")) {
		t.Error("a page without sections says nothing")
	}
}

func TestSVGStandsAlone(t *testing.T) {
	for _, s := range sample(6).Sections {
		if s.content().Chart == nil {
			continue
		}
		var b bytes.Buffer
		if err := SVG(&b, s); err != nil {
			t.Fatal(err)
		}
		elements := parse(t, b.Bytes())
		if root := elements[len(elements)-1]; root.name != "svg" || root.attrs["width"] == "" {
			t.Errorf("%T is written as a %s of width %q", s, root.name, root.attrs["width"])
		}
		if !slices.ContainsFunc(elements, func(e element) bool {
			return e.name == "style" && strings.Contains(e.text, "prefers-color-scheme: dark")
		}) {
			t.Errorf("%T has no style for dark pages", s)
		}
	}
}
