//! The arguments of making music to train on, of training and of joining what was trained.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use encore::train::RunConfig;

#[derive(Args)]
#[command(
    after_help = "A recipe is a JSON file that says the network's shape, how it is trained and for how many \
    steps; models/recipe has some. A run that was stopped or killed goes on \
    where its last checkpoint was when the same command is given again, to the same numbers. The run's folder \
    has pack/ (which `encore continue` plays), metrics.jsonl and curve.png."
)]
pub struct TrainArgs {
    #[command(subcommand)]
    pub what: Train,
}

#[derive(Subcommand)]
pub enum Train {
    /// Teach a VQ-VAE to write audio in few codes and to read it back
    Vqvae(RunArgs),
    /// Teach a prior to go on writing codes of the top level
    Prior(OnPackArgs),
    /// Teach an upsampler to write the codes below those of a level
    Upsampler(OnPackArgs),
    /// Make one pack of the parts that several runs trained
    Join(JoinArgs),
}

#[derive(Args)]
pub struct RunArgs {
    /// What to train and how
    #[arg(value_name = "RECIPE.json")]
    pub recipe: PathBuf,
    /// Music to train on: a folder that `encore corpus` made
    #[arg(long, value_name = "DIR")]
    pub corpus: PathBuf,
    /// Folder of the run; what is there of it is gone on with
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Stop after this many steps in all; left out, what the recipe says
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
}

#[derive(Args)]
pub struct OnPackArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Pack whose VQ-VAE the codes are of; what was trained is added to it
    #[arg(long, value_name = "PACK")]
    pub pack: PathBuf,
    /// Folder that keeps the corpus's codes for other runs; left out, codes in the run's folder
    #[arg(long, value_name = "DIR")]
    pub codes: Option<PathBuf>,
}

impl RunArgs {
    /// How the run goes, with the steps that were asked for.
    pub fn config(&self, of_recipe: &RunConfig) -> RunConfig {
        RunConfig { n_steps: self.steps.unwrap_or(of_recipe.n_steps), ..of_recipe.clone() }
    }
}

#[derive(Args)]
pub struct JoinArgs {
    /// Packs with parts of the same model; where two have a part, the first one's is taken
    #[arg(value_name = "PACK", required = true)]
    pub packs: Vec<PathBuf>,
    /// Folder for the whole pack; must not be there, or be empty or a pack
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Name of the pack; left out, that of the first
    #[arg(long)]
    pub name: Option<String>,
    /// What the pack is, in a sentence or two
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
}
