package io.superweight.experiment;

import java.util.Locale;
import java.util.Set;

/**
 * English function words and punctuation. The paper speaks of stop words and lists none; these are
 * articles, conjunctions, prepositions, pronouns, auxiliaries and common particles.
 */
final class StopWords {
  private static final Set<String> WORDS =
      Set.of(
          ("a an the and or but nor so yet if because as than that while although though of to in on"
                  + " at by for with from into onto upon about above below over under after before"
                  + " between through during without within against toward towards off out up down"
                  + " i me my mine you your yours he him his she her hers it its we us our ours they"
                  + " them their theirs this these those who whom whose which what where when why how"
                  + " is am are was were be been being do does did have has had will would shall"
                  + " should can could may might must not no there here then now just only too very"
                  + " also all any both each some such other")
              .split(" "));

  /** What the protocol says of the list. */
  static final String DESCRIPTION =
      WORDS.size()
          + " English articles, conjunctions, prepositions, pronouns, auxiliaries and particles, and all punctuation";

  private StopWords() {}

  /** Whether a token is one of them, its spaces and case aside, or punctuation alone. */
  static boolean contains(String token) {
    String word = token.strip().toLowerCase(Locale.ROOT);
    return WORDS.contains(word)
        || (!word.isEmpty()
            && word.codePoints().noneMatch(Character::isLetterOrDigit)
            && word.codePoints().allMatch(c -> c < 0x2100));
  }
}
