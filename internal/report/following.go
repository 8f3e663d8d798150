package report

// Following shows how much people follow the suggestions that they are shown.
type Following struct {
	Sentence string
	Rows     []FollowingRow // of all people, then of each
}

// FollowingRow counts the answers that are what the model suggests, where people were shown it and where it was held back.
type FollowingRow struct {
	Who                   string
	Shown, ShownSame      int
	Blind, BlindSame      int
	Difference, Low, High float64 // of the two shares, with its interval; not numbers where there are too few
}

func (f Following) content() content {
	c := content{Title: "Following", Lead: f.Sentence}
	if len(f.Rows) == 0 {
		c.Lead = "No item was shown without its suggestion; labelloop review --blind 0.1 does so with a tenth."
		return c
	}
	t := table{
		Caption: "Answers that are what the model suggests",
		Columns: []column{text("Annotator"), number("Suggestion shown"), number("The same"), number("Held back"), number("The same"),
			number("Points more"), number("From"), number("To")},
	}
	for _, r := range f.Rows {
		t.Rows = append(t.Rows, []string{r.Who, count(r.Shown), percent(ratio(r.ShownSame, r.Shown)), count(r.Blind), percent(ratio(r.BlindSame, r.Blind)),
			decimal(100*r.Difference, 1), decimal(100*r.Low, 1), decimal(100*r.High, 1)})
	}
	c.Tables = []table{t}
	return c
}
