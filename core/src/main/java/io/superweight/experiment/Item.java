package io.superweight.experiment;

/** A table or figure of the paper that can be made for any model. */
public enum Item {
  TABLE1("table1", "Table 1", "What the super weights are worth"),
  TABLE2("table2", "Table 2", "Where the super weights are"),
  FIGURE3("fig3", "Figure 3", "Largest down-projection inputs and outputs"),
  FIGURE4("fig4", "Figure 4", "The super activation through the layers"),
  FIGURE5("fig5", "Figure 5", "What becomes of the next token"),
  FIGURE6("fig6", "Figure 6", "Accuracy over the scale of the super weights"),
  TABLE5("table5", "Table 5", "Amplified super weights, task by task"),
  TABLE3("table3", "Table 3", "Weights and activations in 8 bits"),
  TABLE4("table4", "Table 4", "Weights and activations in 8 bits, other models"),
  TABLE7("table7", "Table 7", "Weights and activations in 8 bits, Llama-2-7B"),
  FIGURE7("fig7", "Figure 7", "Weights in 4 bits, over the size of a block"),
  TABLE6("table6", "Table 6", "Amplified super weights, weights in 4 bits"),
  CLAIMS("claims", "Claims", "The paper’s sentences, one by one");

  private final String text;
  private final String title;
  private final String subject;

  Item(String text, String title, String subject) {
    this.text = text;
    this.title = title;
    this.subject = subject;
  }

  /** As the user names it: {@code fig3}. */
  public String text() {
    return text;
  }

  /** As the paper names it: {@code Figure 3}. */
  public String title() {
    return title;
  }

  /** What it is about, in a few words. */
  public String subject() {
    return subject;
  }
}
