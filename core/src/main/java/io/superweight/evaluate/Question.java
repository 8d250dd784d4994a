package io.superweight.evaluate;

import java.util.List;

/**
 * A document of a task: what is asked of a model.
 *
 * @param contexts one for each choice, or one for all of them
 * @param continuations one for each choice; the leading blank included
 * @param choices as {@code acc_norm} measures their lengths: without the blank
 * @param gold the right choice
 */
record Question(List<String> contexts, List<String> continuations, List<String> choices, int gold) {
  String context(int choice) {
    return contexts.size() == 1 ? contexts.getFirst() : contexts.get(choice);
  }
}
