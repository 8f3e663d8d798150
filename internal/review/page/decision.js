// A decision is what a person says of an entry: {entry, verdict, labels, suggestion}, and what else goes with it.
// Its suggestion is what the person was shown: null is nothing, a list without labels is that none applies.

const suggestionOf = (entry) => entry.suggestion?.labels ?? null;

// labelled gives an entry labels. They are accepted if they are what was suggested.
export function labelled(entry, labels) {
  const suggestion = suggestionOf(entry);
  const same = suggestion?.length === labels.length && suggestion.every((name) => labels.includes(name));
  return { entry, verdict: same ? 'accepted' : 'corrected', labels, suggestion };
}

// passed gives an entry a verdict without labels: rejected, skipped or flagged.
export const passed = (entry, verdict) => ({ entry, verdict, labels: [], suggestion: suggestionOf(entry) });

// words tells a decision.
export const words = ({ verdict, labels }) =>
  verdict === 'accepted' || verdict === 'corrected' ? labels.join(', ') || 'no label' : verdict;
