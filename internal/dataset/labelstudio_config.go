package dataset

import (
	"encoding/xml"
	"strings"
)

// LabelStudioConfig gives the labelling configuration of a Label Studio project that takes exported tasks and labels them
// alike: XML with the input and a choice of labels.
func LabelStudioConfig(labels []string, images, multiLabel bool) string {
	object, content := "Text", Columns{Images: images}.usualContent()
	if images {
		object = "Image"
	}
	choice := "single"
	if multiLabel {
		choice = "multiple"
	}
	var b strings.Builder
	b.WriteString("<View>\n  <" + object + " name=\"" + content + "\" value=\"$" + content + "\"/>\n")
	b.WriteString("  <Choices name=\"" + studioLabel + "\" toName=\"" + content + "\" choice=\"" + choice + "\">\n")
	for _, name := range labels {
		b.WriteString("    <Choice value=\"")
		xml.EscapeText(&b, []byte(name)) // writing to memory never fails
		b.WriteString("\"/>\n")
	}
	b.WriteString("  </Choices>\n</View>\n")
	return b.String()
}
