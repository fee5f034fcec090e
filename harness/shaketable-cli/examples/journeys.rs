//! Journeys as a team writes them for goose; the tests run them as a part of a suite's load.

use std::time::Duration;

use goose::prelude::*;

#[tokio::main]
async fn main() -> Result<(), GooseError> {
    let pause = Duration::from_millis(5);
    let scenario = scenario!("Shop")
        .set_wait_time(pause, pause)?
        .register_transaction(transaction!(look))
        .register_transaction(transaction!(lose_the_way));
    let attack = GooseAttack::initialize()?.register_scenario(scenario);
    Box::pin(attack.execute()).await?;
    Ok(())
}

async fn look(user: &mut GooseUser) -> TransactionResult {
    user.get_named("/stock/A1", "stock").await?;
    Ok(())
}

async fn lose_the_way(user: &mut GooseUser) -> TransactionResult {
    user.get("/nowhere").await?;
    Ok(())
}
